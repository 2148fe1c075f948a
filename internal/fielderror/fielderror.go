// Package fielderror is the one shape and the one text of an input that cannot be used. Packages retry, orchestrator
// and telemetry each have a FieldError with the fields of Error.
package fielderror

import "fmt"

// An Error says which input cannot be used.
type Error struct {
	Field string // what its user calls it
	Value string // as Error shows it: texts in quotes; empty when it may hold a secret
	Want  string // what would be right
	Err   error  // what is wrong with the value, where there is more to say; may be nil
}

// Error reads like `Policy.MaxRetries is -3, want 0 or more`.
func (e *Error) Error() string { return e.Fault() + ", want " + e.Want }

// Fault is Error without Want.
func (e *Error) Fault() string {
	text := e.Field + " cannot be used"
	if e.Value != "" {
		text = e.Field + " is " + e.Value
	}
	if e.Err != nil {
		text += fmt.Sprintf(" (%v)", e.Err)
	}
	return text
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
