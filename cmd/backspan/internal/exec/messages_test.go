package exec

import (
	"bytes"
	"testing"
)

// What telemetry has to say while a pager has the screen is said when that has gone, once.
func TestMessagesWaitForTheCommand(t *testing.T) {
	var out bytes.Buffer
	m := messages{to: &out}
	m.tell("before")
	m.hold()
	m.tell("kept")
	m.tell("kept")
	m.now("urgent")
	if got, want := out.String(), "backspan: before\nbackspan: urgent\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	out.Reset()
	m.release()
	m.tell("kept")
	if got, want := out.String(), "backspan: kept\nbackspan: kept\n"; got != want {
		t.Errorf("afterwards got %q, want %q", got, want)
	}
	quiet := messages{}
	quiet.tell("nothing") // and no panic
}
