package text

import "fmt"

// Plural is n of a thing: "1 recovery", "2 recoveries".
func Plural[N int | int64 | uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
