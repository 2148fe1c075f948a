package events

import "math"

// A Field is one key of a record's details with its value: a text, a whole number, a number, or true or false.
// Making one allocates nothing.
type Field struct {
	Key  string
	kind fieldKind
	text string
	bits uint64
}

type fieldKind uint8

const (
	kindString fieldKind = iota
	kindInt
	kindFloat
	kindBool
)

// String returns a Field with a text value.
func String(key, value string) Field { return Field{Key: key, kind: kindString, text: value} }

// Int returns a Field with a whole number.
func Int(key string, value int64) Field { return Field{Key: key, kind: kindInt, bits: uint64(value)} }

// Float returns a Field with a number. NaN and the infinities, which JSON lacks, are written as null.
func Float(key string, value float64) Field {
	return Field{Key: key, kind: kindFloat, bits: math.Float64bits(value)}
}

// Bool returns a Field with true or false.
func Bool(key string, value bool) Field {
	f := Field{Key: key, kind: kindBool}
	if value {
		f.bits = 1
	}
	return f
}
