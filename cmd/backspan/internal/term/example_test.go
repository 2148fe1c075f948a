package term_test

import (
	"fmt"

	"github.com/backspan/backspan/cmd/backspan/internal/term"
)

// What is no terminal gets plain text, unless the environment asks for colours.
func ExampleOf() {
	getenv := func(name string) string {
		return map[string]string{"CLICOLOR_FORCE": "1", "COLUMNS": "100", "LANG": "C.UTF-8"}[name]
	}
	t := term.Of(nil, getenv)
	columns, _ := t.Size()
	fmt.Println(t.Color, t.Redraw, t.ASCII, columns)
	// Output: true false false 100
}
