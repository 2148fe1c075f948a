//go:build !unix

package doctor

// mayMakeIn returns no error: this system says only to who tries whether files may be made in a directory.
func mayMakeIn(string) error { return nil }
