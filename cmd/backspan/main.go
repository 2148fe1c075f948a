// Command backspan makes retries visible: see the README, or backspan --help.
package main

import (
	"os"

	"github.com/backspan/backspan/cmd/backspan/internal/root"
)

func main() {
	os.Exit(root.Execute(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
