package docs_test

import (
	"os"
	"regexp"
	"testing"
)

// A released binary is built with the flags of `make build`.
func TestReleasesAreBuiltAsByMake(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	release, err := os.ReadFile("../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	built := regexp.MustCompile(`go build (-trimpath) -tags (\S+) -ldflags '([^']+)'`).FindSubmatch(makefile)
	released := regexp.MustCompile(`flags: \[(-trimpath), -tags=(\S+), -buildvcs=true\]\s+ldflags: \[([^\]]+)\]`).
		FindSubmatch(release)
	if built == nil || released == nil {
		t.Fatalf("flags not found: %q in the Makefile, %q in .goreleaser.yaml", built, released)
	}
	if got, want := string(released[2])+" "+string(released[3]), string(built[2])+" "+string(built[3]); got != want {
		t.Errorf(".goreleaser.yaml builds with %s, the Makefile with %s", got, want)
	}
}
