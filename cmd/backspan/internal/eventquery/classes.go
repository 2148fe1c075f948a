package eventquery

import (
	"cmp"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
)

// A classifier finds what class an error is counted in. It remembers the last texts: most errors come often. It is for
// one goroutine.
type classifier struct {
	known map[string]session.ErrorClass // by error type and text as they are in the log
	bytes int
	key   []byte
}

// maxKnown bounds what a classifier remembers, in bytes.
const maxKnown = 1 << 20

// of is the class of the failure that l tells of.
func (c *classifier) of(l *events.Line) session.ErrorClass {
	kind, said := l.Detail(events.KeyErrorType), errorText(l)
	c.key = append(append(c.key[:0], kind...), said...)
	if class, known := c.known[string(c.key)]; known {
		return class
	}
	class := session.ClassOf(shortened(kind.Text()), said.Text())
	class.Reason = shortened(class.Reason)
	size := len(c.key) + len(class.Type) + len(class.Reason) + 100
	if c.bytes += size; c.bytes > maxKnown || c.known == nil {
		c.known, c.bytes = map[string]session.ErrorClass{}, size
	}
	c.known[string(c.key)] = class
	return class
}

// errorText is the text of the error that l tells of. Logs of other writers may have only a sentence with it.
func errorText(l *events.Line) events.Value {
	if said := l.Detail(events.KeyError); said != nil {
		return said
	}
	return l.Detail(events.KeyReason)
}

// classText is a class for people. Its type is said where it is a word, and says more than the text: not that of an
// error in Go.
func classText(kind, reason string) string {
	if reason == "" {
		return cmp.Or(kind, "(no text)")
	}
	if kind == "" || strings.ContainsAny(kind, "*.") || strings.Contains(reason, kind) {
		return text.Line(reason)
	}
	return text.Line(reason + " (" + kind + ")")
}

const maxExample = 300 // bytes

func shortened(text string) string {
	if len(text) <= maxExample {
		return text
	}
	return strings.ToValidUTF8(text[:maxExample], "") + "…"
}
