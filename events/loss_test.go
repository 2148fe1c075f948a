package events

import (
	"errors"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A thousand short outages in a minute are told once, and the next minute how many lines that made.
func TestLossesAreToldOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []error
		l := loss{tell: func(err error) { told = append(told, err) }, born: time.Now()}
		outages := func(n int, why error) {
			for range n {
				l.add(3, why)
				l.say()
				l.over()
				l.say()
			}
		}
		outages(1_000, syscall.ENOSPC)
		time.Sleep(tellEvery - time.Nanosecond)
		outages(1, io.ErrShortWrite)
		if len(told) != 1 || told[0] != syscall.ENOSPC {
			t.Fatalf("told %v in the first minute, want %v", told, syscall.ENOSPC)
		}
		time.Sleep(time.Nanosecond)
		l.say() // as a Write does that succeeds
		if len(told) != 2 || toldLost(told) != 3*1_001 || !errors.Is(told[1], syscall.ENOSPC) {
			t.Fatalf("told %v, want all so far, and why the first was lost", told)
		}
		outages(2, syscall.EIO)
		l.sayRest() // as Close does
		if len(told) != 2 {
			t.Errorf("told %v, want nothing more: the error of Close says it", told)
		}
		if err := l.unreportedError(); toldLost([]error{err}) != 3*1_003 {
			t.Errorf("the error of Close is %v", err)
		}
		if n, why := l.take(); n != 3*1_003 || !errors.Is(why, syscall.ENOSPC) { // a record of type events_dropped
			t.Errorf("the log has a record of %d, %v", n, why)
		}
		l.sayRest()
		if len(told) != 3 || toldLost(told) != l.dropped.Load() || !errors.Is(told[2], syscall.EIO) {
			t.Errorf("told %v, want all %d", told, l.dropped.Load())
		}
		time.Sleep(time.Hour)
		l.say()
		if len(told) != 3 {
			t.Errorf("told %v although nothing was lost", told)
		}
		outages(5, syscall.EIO)
		if len(told) != 4 || told[3] != syscall.EIO {
			t.Errorf("told %v, want a new outage told when it begins", told)
		}
		time.Sleep(tellEvery)
		outages(1, syscall.EIO)
		if len(told) != 5 || toldLost(told) != l.dropped.Load() {
			t.Errorf("told %v, want all %d", told, l.dropped.Load())
		}
	})
}

// That lines are going to be lost is told before any is, without a number.
func TestAnOutageIsToldBeforeALineIsLost(t *testing.T) {
	var told []error
	l := loss{tell: func(err error) { told = append(told, err) }, born: time.Now()}
	l.begin(0, syscall.EROFS)
	l.say()
	if len(told) != 1 || told[0] != syscall.EROFS {
		t.Errorf("told %v, want %v", told, syscall.EROFS)
	}
}
