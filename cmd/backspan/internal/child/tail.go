package child

// A tail keeps the last bytes that are written to it.
type tail struct {
	buf []byte
	max int
}

// newTail is a tail of max bytes; nil when that is 0.
func newTail(max int) *tail {
	if max == 0 {
		return nil
	}
	return &tail{max: max}
}

// Write keeps the end of p. The buffer grows to twice max, so that old bytes are moved seldom. It never fails.
func (t *tail) Write(p []byte) (int, error) {
	if len(p) >= t.max {
		t.buf = append(t.buf[:0], p[len(p)-t.max:]...)
		return len(p), nil
	}
	if len(t.buf)+len(p) > 2*t.max {
		keep := t.buf[len(t.buf)-(t.max-len(p)):]
		t.buf = t.buf[:copy(t.buf, keep)]
	}
	t.buf = append(t.buf, p...)
	return len(p), nil
}

// String is what was kept; empty for nil.
func (t *tail) String() string {
	if t == nil {
		return ""
	}
	return string(t.buf[max(0, len(t.buf)-t.max):])
}
