package events

import "bytes"

// A Tally is what a Reader has come across so far.
type Tally struct {
	Records         int64 // that were handed out
	Salvaged        int64 // of these: got back from unreadable lines
	Unreadable      int64 // lines that hold something else than one record; empty lines do not count
	UnreadableBytes int64 // in these lines, salvaged records not counted
	FirstUnreadable int64 // where the first of them begins, in bytes from the beginning; 0 when there is none
	Held            int64 // bytes at the end of the input that may become a line: there is no newline yet
	CutShort        bool  // the input is compressed and its end is missing
}

// add adds what another cursor found in the same input.
func (t *Tally) add(u Tally) {
	if u.Unreadable > 0 && (t.Unreadable == 0 || u.FirstUnreadable < t.FirstUnreadable) {
		t.FirstUnreadable = u.FirstUnreadable
	}
	t.Records += u.Records
	t.Salvaged += u.Salvaged
	t.Unreadable += u.Unreadable
	t.UnreadableBytes += u.UnreadableBytes
	t.Held += u.Held
	t.CutShort = t.CutShort || u.CutShort
}

// A cursor finds the records in one block after the other.
type cursor struct {
	tally Tally

	block block // what is left of it

	glued   []byte // what is left of a line that is being salvaged
	offset  int64  // of glued
	start   int64  // of the line
	counted bool   // the line is among the unreadable ones
	held    bool   // the end of glued may become a line
}

// next moves l to the next record of the block.
func (c *cursor) next(l *Line) bool {
	for {
		if len(c.glued) > 0 && c.salvage(l) {
			return true
		}
		if c.quick(l) {
			c.tally.Records++
			return true
		}
		if c.skipShort(); len(c.block.data) == 0 {
			return false
		}
		if c.take(l) {
			c.tally.Records++
			return true
		}
	}
}

// shortest is the length of the shortest record. What is shorter is not looked at twice: a file of newlines, or of
// lines that hold next to nothing, must not take longer than its size asks for.
const shortest = len(`{"timestamp":"","type":""}`)

// skipShort goes over the lines that are too short for a record, to the next line that may be one.
func (c *cursor) skipShort() {
	if c.block.joined {
		return // a record may end in what looks like a line
	}
	data := c.block.data
	for len(data) > 0 {
		if data[0] == '\n' {
			data = data[1:]
			continue
		}
		end := bytes.IndexByte(data[:min(len(data), shortest)], '\n')
		if end < 0 {
			break
		}
		if len(trim(data[:end])) > 0 {
			c.start, c.counted = c.block.offset+int64(len(c.block.data)-len(data)), false
			c.count()
			c.tally.UnreadableBytes += int64(end)
		}
		data = data[end+1:]
	}
	c.block.offset += int64(len(c.block.data) - len(data))
	c.block.data = data
}

// quick takes one line out of the block if it is as a Writer spells it. That is take without the search for the end of
// the line, which cost a seventh of the time of reading.
func (c *cursor) quick(l *Line) bool {
	data := c.block.data
	if len(data) < shortest || data[0] != '{' || c.block.joined {
		return false
	}
	end := l.quick(data)
	if end < 0 || end == len(data) { // what ends without a newline may not be whole
		return false
	}
	l.raw, l.offset = data[:end], c.block.offset
	c.block.data = data[end+1:]
	c.block.offset += int64(end) + 1
	return true
}

// take takes one line out of the block. It says whether that is a record; otherwise what there is to salvage is
// left in glued.
func (c *cursor) take(l *Line) bool {
	raw, at, joined := c.block.data, c.block.offset, c.block.joined
	end := bytes.IndexByte(raw, '\n')
	ended := end >= 0
	if ended {
		raw = raw[:end]
		c.block.data = c.block.data[end+1:]
		c.block.offset += int64(end) + 1
	} else {
		c.block.data = nil
	}
	c.block.joined = false
	*l = Line{raw: raw, offset: at, details: l.details[:0]}
	unfinished := !ended && c.block.part
	if !unfinished && l.trimmed() {
		if joined {
			c.tally.Salvaged++
		}
		return true
	}
	if len(trim(raw)) == 0 {
		return false
	}
	c.glued, c.offset, c.start = raw, at, at
	c.counted = joined
	if c.held = !ended && !unfinished; !c.held {
		c.count()
	}
	return false
}

// trim takes off what may stand around a record: the carriage return and byte order mark of Windows, and blanks.
func trim(raw []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\ufeff")))
}

// count counts the line that is being salvaged as unreadable, once.
func (c *cursor) count() {
	if c.counted {
		return
	}
	c.counted = true
	if c.tally.Unreadable == 0 || c.start < c.tally.FirstUnreadable {
		c.tally.FirstUnreadable = c.start
	}
	c.tally.Unreadable++
}

// salvage moves l to the next record in glued: a process that was killed leaves the beginning of a line, and the next
// line of another process follows it without a newline.
func (c *cursor) salvage(l *Line) bool {
	for len(c.glued) > 0 {
		piece, at := c.glued, c.offset
		if next := bytes.Index(piece[1:], markerBytes); next >= 0 {
			piece = piece[:next+1]
		}
		c.glued = c.glued[len(piece):]
		c.offset += int64(len(piece))
		if bytes.HasPrefix(piece, markerBytes) {
			*l = Line{raw: trim(piece), offset: at, details: l.details[:0]}
			if l.scan() {
				c.tally.Records++
				c.tally.Salvaged++
				return true
			}
		}
		if c.held && len(c.glued) == 0 {
			c.tally.Held += int64(len(piece))
			continue
		}
		c.count()
		c.tally.UnreadableBytes += int64(len(piece))
	}
	return false
}
