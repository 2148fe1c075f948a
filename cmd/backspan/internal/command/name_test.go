package command

import "testing"

func TestIsInterpreter(t *testing.T) {
	for name, want := range map[string]bool{
		"sh": true, "bash": true, "python": true, "python3": true, "python3.12": true, "perl5": true, "node": true,
		"cmd.exe": true, "curl": false, "7z": false, "pg_isready": false, "shellcheck": false, "": false, "3": false,
	} {
		if got := IsInterpreter(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}
