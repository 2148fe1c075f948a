package main

import (
	"encoding/json"
	"io"
)

// writeJSON writes v for programs, indented for the people who look at it.
func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}
