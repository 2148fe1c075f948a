package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/eventquery"
)

// workers is how many goroutines read a file whose order does not matter.
var workers = runtime.GOMAXPROCS(0)

// matcher is what the flags ask for.
func (o *eventsOptions) matcher() (*eventquery.Matcher, error) {
	f := o.filter
	now := time.Now()
	for _, bound := range []struct {
		flag, text string
		into       *time.Time
	}{{"--since", o.since, &f.Since}, {"--until", o.until, &f.Until}} {
		if bound.text == "" {
			continue
		}
		t, err := eventquery.ParseTime(bound.text, now)
		if err != nil {
			return nil, usage(fmt.Errorf("%s: %w", bound.flag, err))
		}
		*bound.into = t
	}
	for _, text := range o.where {
		condition, err := eventquery.ParseCondition(text)
		if err != nil {
			return nil, usage(fmt.Errorf("--where: %w", err))
		}
		f.Where = append(f.Where, condition)
	}
	return f.Compile(), nil
}

// each calls do with a reader of each file, and says on stderr what could not be read.
func (o *eventsOptions) each(files []string, do func(*events.Reader) error) error {
	if len(files) == 0 {
		files = []string{eventsFile()}
	}
	for _, path := range files {
		reader, err := o.open(path)
		if err != nil {
			return err
		}
		// What stops reading usually shows in all of them: the first says it.
		err = firstOf(do(reader), reader.Err(), reader.Close())
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := o.unreadable(path, reader.Tally()); err != nil {
			return err
		}
	}
	return nil
}

func (o *eventsOptions) open(path string) (*events.Reader, error) {
	if path == "-" {
		return events.NewReader(o.in), nil
	}
	reader, err := events.OpenFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is not there; name the log that telemetry writes, or run backspan demo to make one", path)
	}
	return reader, err
}

func (o *eventsOptions) unreadable(path string, t events.Tally) error {
	if t.Records == 0 && t.Unreadable+t.Held > 0 {
		return fmt.Errorf("%s holds no events: nothing in it is a record; is it an events.jsonl?", path)
	}
	if t.Unreadable > 0 {
		say(o.err, "backspan: %s: %d lines could not be read (%d bytes, the first at byte %d)\n",
			path, t.Unreadable, t.UnreadableBytes, t.FirstUnreadable)
	}
	if t.Held > 0 {
		say(o.err, "backspan: %s: the last line is incomplete (%d bytes) and was left out\n", path, t.Held)
	}
	if t.CutShort {
		say(o.err, "backspan: %s: the compressed file is cut short; what was in the rest is missing here\n", path)
	}
	return nil
}

func (o *eventsOptions) style() eventquery.Style {
	s := eventquery.Style{Color: o.terminal(o.out).Color, Zone: time.Local}
	if o.utc {
		s.Zone = time.UTC
	}
	return s
}

// write writes one record to w.
func (o *eventsOptions) write(w *bufio.Writer, s eventquery.Style, l *events.Line) error {
	if o.json {
		_, err := w.Write(l.Raw())
		return errors.Join(err, w.WriteByte('\n'))
	}
	_, err := w.WriteString(s.Describe(l) + "\n")
	return err
}

func (o *eventsOptions) list(ctx context.Context, files []string) error {
	m, err := o.matcher()
	if err != nil {
		return err
	}
	out, style := bufio.NewWriterSize(o.out, 64<<10), o.style()
	err = o.each(files, func(r *events.Reader) error {
		for r.Next() {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if m.Matches(r.Line()) {
				if err := o.write(out, style, r.Line()); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return errors.Join(err, out.Flush())
}

func (o *eventsOptions) count(files []string, by string) error {
	m, err := o.matcher()
	if err != nil {
		return err
	}
	if by != "" {
		return o.countBy(m, files, by)
	}
	var total int64
	err = o.each(files, func(r *events.Reader) error {
		counts := make([]padded, workers)
		err := r.Each(workers, func(worker int, l *events.Line) {
			if m.Matches(l) {
				counts[worker].n++
			}
		})
		for _, c := range counts {
			total += c.n
		}
		return err
	})
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(o.out).Encode(map[string]int64{"count": total})
	}
	_, err = fmt.Fprintln(o.out, total)
	return err
}

// padded keeps the counts of two goroutines out of one cache line.
type padded struct {
	n int64
	_ [56]byte
}

func (o *eventsOptions) countBy(m *eventquery.Matcher, files []string, by string) error {
	key, err := eventquery.ParseCondition(by + "=")
	if err != nil {
		return usage(fmt.Errorf("--by: %w", err))
	}
	counts := map[string]int64{}
	err = o.each(files, func(r *events.Reader) error {
		for r.Next() {
			if m.Matches(r.Line()) {
				if v := key.Of(r.Line()); v != nil {
					counts[string(v)]++
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return o.printCounts(counts)
}

func (o *eventsOptions) stats(files []string) error {
	m, err := o.matcher()
	if err != nil {
		return err
	}
	all := eventquery.NewCounter()
	err = o.each(files, func(r *events.Reader) error {
		counters := make([]*eventquery.Counter, workers)
		for i := range counters {
			counters[i] = eventquery.NewCounter()
		}
		err := r.Each(workers, func(worker int, l *events.Line) {
			if m.Matches(l) {
				counters[worker].Add(l)
			}
		})
		for _, c := range counters {
			all.Merge(c)
		}
		return err
	})
	if err != nil {
		return err
	}
	if o.json {
		encoder := json.NewEncoder(o.out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(all.Stats())
	}
	return all.Stats().Write(o.out, o.style().Zone)
}

func (o *eventsOptions) follow(ctx context.Context, files []string, fromStart bool) error {
	m, err := o.matcher()
	if err != nil {
		return err
	}
	path := eventsFile()
	if len(files) > 0 {
		path = files[0]
	}
	if path == "-" {
		return usage(errors.New("follow reads a file; for standard input use list"))
	}
	ctx, stop := withSignals(ctx)
	defer stop()
	follower, err := events.NewFollower(path, events.FollowOptions{FromEnd: !fromStart})
	if err != nil {
		return err
	}
	out, style := bufio.NewWriter(o.out), o.style()
	for follower.Next(ctx) {
		if !m.Matches(follower.Line()) {
			continue
		}
		if err := errors.Join(o.write(out, style, follower.Line()), out.Flush()); err != nil {
			return errors.Join(err, follower.Close())
		}
	}
	if n := follower.Tally().Unreadable; n > 0 {
		say(o.err, "backspan: %s: %d lines could not be read\n", path, n)
	}
	if err := errors.Join(follower.Err(), follower.Close()); err != nil {
		return err
	}
	var signalled signalError
	if errors.As(context.Cause(ctx), &signalled) {
		return &exitError{code: signalled.code()}
	}
	return nil
}

// printCounts prints how often each value was seen, the commonest first. Records without the key are not counted.
func (o *eventsOptions) printCounts(counts map[string]int64) error {
	values := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	out := bufio.NewWriter(o.out)
	for _, v := range values {
		text := events.Value(v).Text()
		var err error
		if o.json {
			err = json.NewEncoder(out).Encode(map[string]any{"value": text, "count": counts[v]})
		} else {
			_, err = fmt.Fprintf(out, "%8d  %s\n", counts[v], eventquery.Printable(text))
		}
		if err != nil {
			return err
		}
	}
	return out.Flush()
}
