package expr

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

const (
	// MaxBytes bounds the text of an expression.
	MaxBytes = 8 << 10
	// MaxCost bounds one evaluation, in the units of CEL: about one for each operation, more for long texts and lists. 100,000 are a few
	// milliseconds.
	MaxCost = 100_000
	// maxNesting bounds an expression's depth.
	maxNesting = 64
)

// The parts of a record that expressions see.
const (
	Key       = "key"       // string; bytes where it is not UTF-8; null
	Value     = "value"     // what the JSON says; null for a tombstone
	Headers   = "headers"   // list of {key: string, value: string, bytes or null}, in order
	Timestamp = "timestamp" // of the record, to the millisecond
	Partition = "partition" // int, of the reference
	Offset    = "offset"    // int, position in the reference
)

// variables are the parts of a record and their types.
var variables = []cel.EnvOption{
	cel.Variable(Key, cel.DynType), cel.Variable(Value, cel.DynType), cel.Variable(Headers, cel.ListType(cel.MapType(cel.StringType, cel.DynType))),
	cel.Variable(Timestamp, cel.TimestampType), cel.Variable(Partition, cel.IntType), cel.Variable(Offset, cel.IntType),
}

// Error says where an expression is wrong.
type Error struct {
	Line, Column int // from 1, within the expression
	Message      string
}

func (e *Error) Error() string { return e.Message }

// ErrCost says that an evaluation was given up because it would have cost more than MaxCost.
var ErrCost = fmt.Errorf("it costs more than %d steps", MaxCost)

// Program is an expression that can be evaluated, by several goroutines at once.
type Program struct {
	text    string
	program cel.Program
	uses    []string
}

// String is the expression as it was written.
func (p *Program) String() string { return p.text }

// Uses reports whether the expression mentions one of the variables above.
func (p *Program) Uses(variable string) bool { return slices.Contains(p.uses, variable) }

// Predicate compiles an expression that is true or false of a record. err is an *Error.
func Predicate(text string) (*Program, error) {
	p, out, err := compile(text, variables)
	if err == nil && !out.IsExactType(cel.BoolType) && !out.IsExactType(cel.DynType) {
		err = &Error{1, 1, fmt.Sprintf("it gives %s, want true or false", out)}
	}
	return p, err
}

// Of compiles an expression that gives a JSON value, of the variable Value alone. err is an *Error.
func Of(text string) (*Program, error) {
	p, out, err := compile(text, []cel.EnvOption{cel.Variable(Value, cel.DynType)})
	if err == nil && slices.ContainsFunc([]*cel.Type{cel.BytesType, cel.TimestampType, cel.DurationType, cel.TypeType}, out.IsExactType) {
		err = &Error{1, 1, fmt.Sprintf("it gives %s, which JSON has no form of: string(...) makes a text of it", out)}
	}
	return p, err
}

func compile(text string, vars []cel.EnvOption) (*Program, *cel.Type, error) {
	if len(text) > MaxBytes {
		return nil, nil, &Error{1, 1, fmt.Sprintf("it has %d bytes, an expression has at most %d", len(text), MaxBytes)}
	}
	env, err := cel.NewEnv(append([]cel.EnvOption{
		cel.CustomTypeAdapter(adapter{types.DefaultTypeAdapter}), cel.ParserRecursionLimit(maxNesting), cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true),
	}, vars...)...)
	if err != nil {
		return nil, nil, fmt.Errorf("set up expressions: %w", err)
	}
	checked, issues := env.Compile(text)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, nil, &Error{first.Location.Line(), first.Location.Column() + 1, plain(first.Message)}
	}
	program, err := env.Program(checked, cel.CostLimit(MaxCost), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, nil, &Error{1, 1, err.Error()}
	}
	p := &Program{text: text, program: program}
	ast.PostOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.IdentKind {
			p.uses = append(p.uses, e.AsIdent())
		}
	}))
	return p, checked.OutputType(), nil
}

// plain is what the compiler says without the list of all that could stand there instead.
func plain(message string) string {
	message, _, _ = strings.Cut(strings.TrimPrefix(message, "Syntax error: "), " expecting ")
	return strings.Replace(message, "mismatched input '<EOF>'", "it ends too early", 1)
}

// Test evaluates a predicate.
func (p *Program) Test(in *Input) (bool, error) {
	out, err := p.eval(in)
	if err != nil {
		return false, err
	}
	yes, ok := out.(types.Bool)
	if !ok {
		return false, fmt.Errorf("it gives %s, want true or false", out.Type().TypeName())
	}
	return bool(yes), nil
}

// JSON evaluates an expression made by Of, and appends what it gives to dst.
func (p *Program) JSON(dst []byte, in *Input) ([]byte, error) {
	out, err := p.eval(in)
	if err != nil {
		return dst, err
	}
	return appendJSON(dst, out, 0)
}

func (p *Program) eval(in *Input) (ref.Val, error) {
	out, _, err := p.program.Eval(in)
	var cancelled interpreter.EvalCancelledError
	if errors.As(err, &cancelled) && cancelled.Cause == interpreter.CostLimitExceeded {
		return nil, ErrCost
	}
	return out, err
}
