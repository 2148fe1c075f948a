package session

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// maxTraceLine is how long a line of a trace file may be. Collectors put whole batches into one.
const maxTraceLine = 64 << 20

// ReadTraceFile reads spans in OTLP's JSON, as telemetry.TraceFile and the collector's file exporter write them: one
// {"resourceSpans": […]} object a line, with ids in hexadecimal. It keeps the spans of other instrumentation too.
//
// Lines that are something else are skipped and counted, as the torn end of a file is that somebody still writes; the
// spans before a fault in a line are kept. Of what is more than memory should hold the newest is kept, and the rest
// counted. The error is r's, or tells that there was no line of the kind at all. Spans share lists of attributes: they
// are not to be changed.
func ReadTraceFile(r io.Reader) (spans []Span, left LeftOut, err error) { return newDecoder().file(r) }

// file reads a trace file, as ReadTraceFile says.
func (d *decoder) file(r io.Reader) (spans []Span, left LeftOut, err error) {
	in := lineReader{in: bufio.NewReaderSize(r, 64<<10)}
	if d.size > 0 {
		d.spans.share = func() float64 { return float64(in.read) / float64(d.size) }
	}
	good := 0
	var first error // of a line
	for number := 1; err == nil; number++ {
		var line []byte
		var blank int
		var tooLong bool
		line, blank, tooLong, err = in.next()
		number += blank
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return d.spans.items, d.leftOut(), fmt.Errorf("trace file, line %d: %w", number, err)
		case len(line) == 0 && !tooLong: // the end
			continue
		case !tooLong && d.line(line):
			good++
			continue
		}
		d.left.Lines++
		if first == nil {
			first = faultOf(number, tooLong, &d.in)
		}
	}
	if good == 0 && len(d.spans.items) == 0 {
		return nil, d.leftOut(), first
	}
	return d.spans.items, d.leftOut(), nil
}

func faultOf(number int, tooLong bool, in *jsonReader) error {
	fault := in.err()
	if tooLong {
		fault = fmt.Errorf("it is longer than %d bytes", maxTraceLine)
	}
	return fmt.Errorf(`trace file, line %d: want a {"resourceSpans": …} object of OTLP JSON: %w`, number, fault)
}

// A lineReader hands out the lines of a file.
type lineReader struct {
	in   *bufio.Reader
	long []byte // a line that is longer than the buffer of in
	read int64  // bytes, those of blank lines not counted
}

// next is the next line, or the beginning of one that is too long, until it is called again. It goes over blank lines
// before it, and counts them. Most lines stay where they are in the buffer.
func (r *lineReader) next() (line []byte, blank int, tooLong bool, err error) {
	for {
		if _, err := r.in.Peek(1); err != nil {
			return nil, blank, false, err
		}
		buffered, _ := r.in.Peek(r.in.Buffered())
		space := 0
		for ; space < len(buffered) && isSpace(buffered[space]); space++ {
			if buffered[space] == '\n' {
				blank++
			}
		}
		_, _ = r.in.Discard(space) // it is in the buffer
		if space < len(buffered) {
			break
		}
	}
	line, err = r.in.ReadSlice('\n')
	r.read += int64(len(line))
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, blank, false, err
	}
	r.long = append(r.long[:0], line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = r.in.ReadSlice('\n')
		r.read += int64(len(line))
		if tooLong = tooLong || len(r.long)+len(line) > maxTraceLine; !tooLong {
			r.long = append(r.long, line...)
		}
	}
	return r.long, blank, tooLong, err
}
