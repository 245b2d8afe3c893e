package connect

import "fmt"

// Codes of Error. They are stable: scripts and runbooks rely on them.
const (
	CodeConfig       = "BST-E3001" // an address or option that cannot be meant
	CodeSecret       = "BST-E3002" // a secret that is not where its reference says
	CodeKafkaDown    = "BST-E3101" // no broker answers
	CodeKafkaLogin   = "BST-E3102" // brokers refuse the credentials
	CodeKafkaTLS     = "BST-E3103" // TLS is wrong on one side
	CodeKafkaDenied  = "BST-E3104" // logged in, but not allowed
	CodeStoreDown    = "BST-E3201" // the object store does not answer
	CodeStoreLogin   = "BST-E3202" // the store refuses the credentials
	CodeStoreMissing = "BST-E3203" // no such bucket or directory
	CodeStoreUnsafe  = "BST-E3204" // the store ignores conditional writes

	CodeRegistryDown  = "BST-E3301" // the schema registry does not answer, or is none
	CodeRegistryLogin = "BST-E3302" // the registry refuses the credentials
	CodeRegistryTLS   = "BST-E3303" // TLS is wrong on one side
)

// Error is a connection that could not be made, for a person to read.
type Error struct {
	Code   string
	Object string // address that was tried
	Err    error
	Hint   string // what to type or to check next
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %v", e.Code, e.Object, e.Err) }
func (e *Error) Unwrap() error { return e.Err }
