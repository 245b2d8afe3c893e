package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// This file is between huma, which describes, checks and writes, and handlers. It does what huma.Register does for what our requests and
// answers have, and no more: a request has parameters of path, query and header that are texts, numbers and truths, and a Body or a RawBody; an
// answer has headers and a Body. Anything else panics when the route is made.
//
// huma.Register is compiled again for each pair of types, 12 KiB of code each time and as much again to describe it: 3 MB for our 80 routes. Only a
// few lines of register are.

// route serves one operation.
type route struct {
	api     huma.API
	op      huma.Operation
	params  []param
	queries map[string]bool // names of parameters of the query
	body    []int           // index of the field, nil for none
	fits    *huma.Schema    // of the body
	raw     []int           // index of a field that gets the body as it is, nil for none
	headers []param         // of the answer
	answer  []int           // index of the answer's body, nil for none

	make func() any // a request, as a pointer to a struct
	call func(ctx context.Context, in any) (out any, err error)
}

// param is a field of a request or an answer that stands in its path, query or headers.
type param struct {
	in, name string
	required bool
	index    []int
	schema   *huma.Schema
}

// fieldsOf lists the fields of t that have one of tags, those of embedded structs too.
func fieldsOf(t reflect.Type, tags ...string) []param {
	var out []param
	for _, f := range reflect.VisibleFields(t) {
		for _, tag := range tags {
			if name := f.Tag.Get(tag); name != "" {
				out = append(out, param{in: tag, name: name, required: tag == "path" || f.Tag.Get("required") == "true", index: f.Index})
			}
		}
	}
	return out
}

// serve describes the route and lets huma's adapter serve it.
func (r *route) serve(in, out reflect.Type) {
	r.request(in)
	r.response(out)
	r.api.OpenAPI().AddOperation(&r.op)
	r.api.Adapter().Handle(&r.op, r.handle)
}

func (r *route) request(t reflect.Type) {
	registry := r.api.OpenAPI().Components.Schemas
	r.params, r.queries = fieldsOf(t, "path", "query", "header"), map[string]bool{}
	for i := range r.params {
		p := &r.params[i]
		f := t.FieldByIndex(p.index)
		if !settable(f.Type.Kind()) {
			panic(fmt.Sprintf("%s: parameter %s is a %s", r.op.OperationID, p.name, f.Type))
		}
		p.schema = huma.SchemaFromField(registry, f, "")
		param := &huma.Param{Name: p.name, In: p.in, Description: p.schema.Description, Required: p.required, Schema: p.schema}
		if p.in == "query" {
			r.queries[p.name], param.Explode = true, new(bool)
		}
		r.op.Parameters = append(r.op.Parameters, param)
	}
	if f, ok := t.FieldByName("Body"); ok {
		r.body, r.fits = f.Index, huma.SchemaFromField(registry, f, nameOf(t, r.op.OperationID+"Request"))
		r.fits.PrecomputeMessages()
		r.op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: r.fits}}}
	}
	if f, ok := t.FieldByName("RawBody"); ok {
		r.raw = f.Index
		r.op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
	}
}

func (r *route) response(t reflect.Type) {
	registry := r.api.OpenAPI().Components.Schemas
	ok := &huma.Response{Description: http.StatusText(http.StatusNoContent)}
	r.op.DefaultStatus = http.StatusNoContent
	if f, has := t.FieldByName("Body"); has {
		r.answer, r.op.DefaultStatus = f.Index, http.StatusOK
		schema := huma.SchemaFromField(registry, f, nameOf(t, r.op.OperationID+"Response"))
		ok.Description, ok.Content = http.StatusText(http.StatusOK), map[string]*huma.MediaType{"application/json": {Schema: schema}}
	}
	r.headers, ok.Headers = fieldsOf(t, "header"), map[string]*huma.Param{}
	for _, h := range r.headers {
		f := t.FieldByIndex(h.index)
		if !settable(f.Type.Kind()) {
			panic(fmt.Sprintf("%s: header %s is a %s", r.op.OperationID, h.name, f.Type))
		}
		ok.Headers[h.name] = &huma.Header{Schema: huma.SchemaFromField(registry, f, nameOf(t, r.op.OperationID+h.name))}
	}
	failure := huma.MediaType{Schema: registry.Schema(reflect.TypeFor[huma.ErrorModel](), true, "Error")}
	r.op.Responses = map[string]*huma.Response{
		strconv.Itoa(r.op.DefaultStatus): ok,
		"default":                        {Description: "Error", Content: map[string]*huma.MediaType{"application/problem+json": &failure}},
	}
}

// nameOf is what a schema of a body is called that has no name itself.
func nameOf(parent reflect.Type, otherwise string) string {
	if parent.Name() != "" {
		return parent.Name() + "Body"
	}
	return otherwise
}

// handle serves one request: everything that is wrong with it is told at once.
func (r *route) handle(ctx huma.Context) {
	in := r.make()
	v := reflect.ValueOf(in).Elem()
	found := &checked{result: &huma.ValidateResult{}, path: huma.NewPathBuffer(nil, 0)}
	u := ctx.URL()
	for name := range u.Query() {
		if !r.queries[name] {
			found.add("unknown query parameter", "", "query", name)
		}
	}
	if len(found.result.Errors) > 0 {
		_ = huma.WriteErr(r.api, ctx, http.StatusUnprocessableEntity, "validation failed", found.result.Errors...)
		return
	}
	for _, p := range r.params {
		r.parameter(ctx, p, v.FieldByIndex(p.index), found)
	}
	if r.body != nil || r.raw != nil {
		if status, why := r.read(ctx, v, found); why != "" {
			_ = huma.WriteErr(r.api, ctx, status, why)
			return
		}
	}
	if len(found.result.Errors) > 0 {
		_ = huma.WriteErr(r.api, ctx, found.status(), "validation failed", found.result.Errors...)
		return
	}
	out, err := r.call(ctx.Context(), in)
	var p *problem
	switch {
	case errors.As(err, &p):
		r.write(ctx, p.Status, "", p)
	case err != nil:
		_ = huma.WriteErr(r.api, ctx, http.StatusInternalServerError, "unexpected error occurred", err)
	default:
		r.reply(ctx, reflect.ValueOf(out).Elem())
	}
}

// checked collects what is wrong with a request.
type checked struct {
	result   *huma.ValidateResult
	path     *huma.PathBuffer
	unparsed int // status of a body that can not be read at all, 0 for none
}

func (c *checked) status() int {
	if c.unparsed != 0 {
		return c.unparsed
	}
	return http.StatusUnprocessableEntity
}

// at makes path the place that is looked at.
func (c *checked) at(path ...string) *huma.PathBuffer {
	c.path.Reset()
	for _, p := range path {
		c.path.Push(p)
	}
	return c.path
}

func (c *checked) add(why string, value any, path ...string) { c.result.Add(c.at(path...), value, why) }

// parameter sets f to what the request says.
func (r *route) parameter(ctx huma.Context, p param, f reflect.Value, found *checked) {
	var text string
	switch p.in {
	case "path":
		text = ctx.Param(p.name)
	case "query":
		text = ctx.Query(p.name)
	case "header":
		text = ctx.Header(p.name)
	}
	if text == "" {
		if p.required {
			found.add("required "+p.in+" parameter is missing", "", p.in, p.name)
		}
		return
	}
	value, why := set(f, text)
	if why != "" {
		found.add(why, text, p.in, p.name)
		return
	}
	huma.Validate(r.api.OpenAPI().Components.Schemas, p.schema, found.at(p.in, p.name), huma.ModeWriteToServer, value, found.result)
}

func settable(k reflect.Kind) bool {
	switch k {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint32, reflect.Uint64:
		return true
	}
	return false
}

// set parses text into f and returns what was parsed, or why it can not.
func set(f reflect.Value, text string) (value any, why string) {
	switch f.Kind() {
	case reflect.String:
		f.SetString(text)
		return text, ""
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, "invalid boolean"
		}
		f.SetBool(b)
		return b, ""
	case reflect.Int, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, f.Type().Bits())
		if err != nil {
			return nil, "invalid integer"
		}
		f.SetInt(n)
		return n, ""
	}
	n, err := strconv.ParseUint(text, 10, f.Type().Bits())
	if err != nil {
		return nil, "invalid integer"
	}
	f.SetUint(n)
	return n, ""
}

// read reads the body into v. It returns a status and a reason for one that ends the request at once. How long a body may take is the door's to say.
func (r *route) read(ctx huma.Context, v reflect.Value, found *checked) (status int, why string) {
	limit := r.op.MaxBodyBytes
	body, err := io.ReadAll(io.LimitReader(ctx.BodyReader(), limit))
	var late net.Error
	switch {
	case int64(len(body)) == limit:
		return http.StatusRequestEntityTooLarge, fmt.Sprintf("request body is too large limit=%d bytes", limit)
	case errors.As(err, &late) && late.Timeout():
		return http.StatusRequestTimeout, "request body read timeout"
	case err != nil:
		return http.StatusInternalServerError, "cannot read request body"
	case len(body) == 0:
		return http.StatusBadRequest, "request body is required"
	}
	if r.raw != nil {
		v.FieldByIndex(r.raw).SetBytes(body)
		return 0, ""
	}
	kind := ctx.Header("Content-Type")
	if kind == "" {
		kind = "application/json"
	}
	// First as it came, which the schema can be held against, and then as what the handler wants.
	var loose any
	if err := r.api.Unmarshal(kind, body, &loose); err != nil {
		found.unparsed = http.StatusBadRequest
		if errors.Is(err, huma.ErrUnknownContentType) {
			found.unparsed = http.StatusUnsupportedMediaType
		}
		found.result.Errors = append(found.result.Errors, &huma.ErrorDetail{Location: "body", Message: err.Error(), Value: string(body)})
		return 0, ""
	}
	huma.Validate(r.api.OpenAPI().Components.Schemas, r.fits, found.at("body"), huma.ModeWriteToServer, loose, found.result)
	if len(found.result.Errors) > 0 {
		return 0, ""
	}
	if err := r.api.Unmarshal(kind, body, v.FieldByIndex(r.body).Addr().Interface()); err != nil {
		found.result.Errors = append(found.result.Errors, &huma.ErrorDetail{Location: "body", Message: err.Error(), Value: string(body)})
	}
	return 0, ""
}

// reply writes what a handler answers.
func (r *route) reply(ctx huma.Context, v reflect.Value) {
	kind := ""
	for _, h := range r.headers {
		f := v.FieldByIndex(h.index)
		text := fmt.Sprint(f.Interface())
		if text == "" {
			continue
		}
		if h.name == "Content-Type" {
			kind = text
		}
		ctx.SetHeader(h.name, text)
	}
	if r.answer == nil {
		ctx.SetStatus(r.op.DefaultStatus)
		return
	}
	body := v.FieldByIndex(r.answer).Interface()
	if whole, ok := body.([]byte); ok {
		ctx.SetStatus(r.op.DefaultStatus)
		_, _ = ctx.BodyWriter().Write(whole) // whoever asked has gone
		return
	}
	r.write(ctx, r.op.DefaultStatus, kind, body)
}

// write writes a body in a form that the client takes. What can not be encoded is a mistake in its type.
func (r *route) write(ctx huma.Context, status int, kind string, body any) {
	if kind == "" {
		var err error
		if kind, err = r.api.Negotiate(ctx.Header("Accept")); err != nil {
			_ = huma.WriteErr(r.api, ctx, http.StatusNotAcceptable, "unable to marshal response", err)
			return
		}
		if special, ok := body.(huma.ContentTypeFilter); ok {
			kind = special.ContentType(kind)
		}
		ctx.SetHeader("Content-Type", kind)
	}
	var text bytes.Buffer
	if err := r.api.Marshal(&text, kind, body); err != nil {
		panic(fmt.Errorf("encode the answer of %s: %w", r.op.OperationID, err))
	}
	ctx.SetStatus(status)
	_, _ = ctx.BodyWriter().Write(text.Bytes()) // whoever asked has gone
}
