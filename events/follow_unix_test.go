//go:build unix && !aix

package events

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
)

// A file that was deleted is read to its end, and then let go, also when no other takes its place: open, it would take
// its space on the disk. What comes later is found.
func TestFollowLetsGoOfADeletedFile(t *testing.T) { synctest.Test(t, inFollowLetsGoOfADeletedFile) }

func inFollowLetsGoOfADeletedFile(t *testing.T) {
	path := logPath(t)
	put(t, path, nth(0))
	f := follow(t, path, FollowOptions{})
	if n := next(t, f); n != "0" {
		t.Fatalf("record %s, want 0", n)
	}
	late, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	quiet(t, f)
	if len(f.files) != 1 {
		t.Fatal("it is let go before its writers can have noticed")
	}
	_, err = late.WriteString(nth(1) + `{"time`)
	if err := errors.Join(err, late.Close()); err != nil {
		t.Fatal(err)
	}
	if n := next(t, f); n != "1" {
		t.Errorf("record %s, want 1", n)
	}
	quiet(t, f)
	quiet(t, f)
	if len(f.files) != 0 {
		t.Error("it is still open")
	}
	put(t, path, nth(2))
	if n := next(t, f); n != "2" || f.Tally().Unreadable != 1 {
		t.Errorf("record %s, %+v, want 2 and half a line before it", n, f.Tally())
	}
}
