package events

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/cmd/backspan/internal/logfiles"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
)

// workers is how many goroutines read a file whose order does not matter. More than a few would wait for the reading,
// and each takes memory.
var workers = min(runtime.GOMAXPROCS(0), 4)

// matcher is what the flags ask for.
func (o *Options) matcher() (*eventquery.Matcher, error) {
	f := o.filter
	now := time.Now()
	for _, bound := range []struct {
		flag, text string
		into       *time.Time
	}{{"since", o.since, &f.Since}, {"until", o.until, &f.Until}} {
		if !o.flags.Changed(bound.flag) {
			continue
		}
		t, err := eventquery.ParseTime(bound.text, now)
		if err != nil {
			return nil, cli.UsageError(fmt.Errorf("--%s: %w", bound.flag, err))
		}
		*bound.into = t
	}
	for _, text := range o.where {
		condition, err := eventquery.ParseCondition(text)
		if err != nil {
			return nil, cli.UsageError(fmt.Errorf("--where: %w", err))
		}
		f.Where = append(f.Where, condition)
	}
	if err := f.Check(); err != nil {
		return nil, cli.UsageError(fmt.Errorf("--%w", err))
	}
	if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return nil, cli.UsageError(
			fmt.Errorf("--until %q is not after --since %q, so nothing is in between", o.until, o.since))
	}
	return f.Compile(), nil
}

func (o *Options) style() eventquery.Style {
	s := eventquery.Style{Color: o.Terminal(o.Out).Color, Zone: time.Local}
	if o.utc {
		s.Zone = time.UTC
	}
	return s
}

// write writes one record to w.
func (o *Options) write(w *bufio.Writer, s eventquery.Style, l *events.Line) error {
	if o.json {
		_, err := w.Write(text.JSON(l.Raw()))
		return errors.Join(err, w.WriteByte('\n'))
	}
	_, err := w.WriteString(s.Describe(l) + "\n")
	return err
}

func (o *Options) list(files []string) error {
	out, style := bufio.NewWriterSize(o.Out, 64<<10), o.style()
	_, err := o.inOrder(files, func(l *events.Line) error { return o.write(out, style, l) }, out.Flush)
	return err
}

// inOrder calls do for each record that matters, in the order of time when there are several files, and then ended,
// before anything is said of the files. some is as of each.
func (o *Options) inOrder(files []string, do func(*events.Line) error, ended func() error) (some bool, err error) {
	m, err := o.matcher()
	if err != nil {
		return false, err
	}
	var dropped atomic.Int64
	list := o.opened(files, m.Since())
	order, err := logfiles.Merge(list, func(l *events.Line) bool {
		if n := m.Dropped(l); n > 0 {
			dropped.Add(n)
		}
		return m.Matches(l)
	}, do)
	if err = errors.Join(err, ended()); err != nil {
		logfiles.CloseAll(list)
		return false, err
	}
	some, err = o.ended(list)
	o.late(order)
	o.dropped(dropped.Load())
	return some, err
}

func (o *Options) count(files []string) error {
	m, err := o.matcher()
	if err != nil {
		return err
	}
	counts := make([]count, workers)
	some, err := o.each(o.opened(files, m.Since()), func(r *events.Reader) {
		_ = r.Each(workers, func(worker int, l *events.Line) { // whose error r.Err returns as well
			c := &counts[worker]
			c.dropped += m.Dropped(l)
			if m.Matches(l) {
				c.n++
			}
		})
	})
	if !some {
		return err
	}
	var total count
	for _, c := range counts {
		total.n += c.n
		total.dropped += c.dropped
	}
	o.dropped(total.dropped)
	if o.json {
		return cmp.Or(json.NewEncoder(o.Out).Encode(map[string]int64{"count": total.n}), err)
	}
	_, failed := fmt.Fprintln(o.Out, total.n)
	return cmp.Or(failed, err)
}

// A count is one goroutine's; it fills a cache line, which would else go to and fro between them.
type count struct {
	n, dropped int64
	_          [48]byte
}

func (o *Options) countBy(files []string, by string) error {
	key, err := eventquery.ParseKey(by)
	if err != nil {
		return cli.UsageError(fmt.Errorf("--by: %w", err))
	}
	values := eventquery.NewValues()
	some, err := o.inOrder(files, func(l *events.Line) error {
		if v := key.Of(l); v != nil {
			values.Add(v)
		}
		return nil
	}, func() error { return nil })
	if !some {
		return err
	}
	return cmp.Or(o.printCounts(values.Sorted()), err)
}

func (o *Options) stats(files []string) error {
	m, err := o.matcher()
	if err != nil {
		return err
	}
	all := eventquery.NewCounter()
	some, err := o.each(o.opened(files, m.Since()), func(r *events.Reader) {
		counters := make([]*eventquery.Counter, workers)
		for i := range counters {
			counters[i] = all.Fork()
		}
		_ = r.Each(workers, func(worker int, l *events.Line) { // whose error r.Err returns as well
			counters[worker].AddDropped(m.Dropped(l))
			if m.Matches(l) {
				counters[worker].Add(l)
			}
		})
		for _, c := range counters {
			all.Merge(c)
		}
	})
	if !some {
		return err
	}
	if o.json {
		return cmp.Or(cli.WriteJSON(o.Out, all.Stats()), err)
	}
	return cmp.Or(all.Stats().Write(o.Out, o.style().Zone), err)
}

// printCounts prints how often each value was seen, the commonest first, and others as one. Records without the key
// are not counted.
func (o *Options) printCounts(list []eventquery.ValueCount, others int64) error {
	if others > 0 {
		cli.Printf(o.Err, "backspan: more than %d different values: those that came last are counted together as %s; "+
			"a filter makes them fewer\n",
			len(list), eventquery.Others)
		list = append(list, eventquery.ValueCount{Value: eventquery.Others, Count: others})
	}
	out := bufio.NewWriter(o.Out)
	lines := json.NewEncoder(cli.SafeJSON{W: out})
	for _, c := range list {
		var err error
		if o.json {
			err = lines.Encode(c)
		} else {
			_, err = fmt.Fprintf(out, "%8d  %s\n", c.Count, text.Line(c.Value))
		}
		if err != nil {
			return err
		}
	}
	return out.Flush()
}
