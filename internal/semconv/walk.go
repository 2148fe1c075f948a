package semconv

// maxErrors is how many errors of a tree are looked at. Real trees are far smaller.
const maxErrors = 100_000

// Walk calls visit for err and each error that it wraps, in the order of errors.Is, until visit says that it is
// enough.
//
// It ends for an error that wraps itself, with which errors.Is and errors.As run for ever or overflow the stack.
// Backspan looks into every error that it is given, so it must not depend on errors being well made.
func Walk(err error, visit func(error) (enough bool)) {
	left := maxErrors
	walk(err, visit, &left)
}

func walk(err error, visit func(error) bool, left *int) (enough bool) {
	for err != nil && *left > 0 {
		*left--
		if visit(err) {
			return true
		}
		switch e := err.(type) { //nolint:errorlint // this unwraps
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				if walk(inner, visit, left) {
					return true
				}
			}
			return false
		default:
			return false
		}
	}
	return false
}

// As is errors.As for err alone, without what it wraps.
func As[T any](err error) (found T, ok bool) {
	if found, ok = err.(T); ok {
		return found, true
	}
	if e, ok := err.(interface{ As(any) bool }); ok {
		alike := new(T)
		ok := e.As(alike)
		return *alike, ok
	}
	return found, false
}
