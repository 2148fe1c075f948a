package events

import (
	"bufio"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/internal/nearest"
)

// The words of --format.
const (
	formatText = "text" // for people
	formatJSON = "json" // lists: one a line
	formatCSV  = "csv"
)

var formats = []string{formatText, formatJSON, formatCSV}

// checkFormat settles the format that the flags ask for.
func (o *Options) checkFormat() error {
	switch {
	case !slices.Contains(formats, o.format):
		return cli.UsageError(fmt.Errorf("--format is %q, want one of %s%s",
			o.format, strings.Join(formats, ", "), nearest.Ask(o.format, formats)))
	case o.json && o.flags.Changed("format") && o.format != formatJSON:
		return cli.UsageError(fmt.Errorf("--json and --format %s cannot both be", o.format))
	case o.json:
		o.format = formatJSON
	}
	return nil
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
	out, style := bufio.NewWriter(o.Out), o.style()
	if o.format == formatCSV {
		if err := eventquery.CSV(out, list); err != nil {
			return err
		}
		return out.Flush()
	}
	lines := json.NewEncoder(cli.SafeJSON{W: out})
	for i := range list {
		var err error
		if o.format == formatJSON {
			err = lines.Encode(list[i])
		} else {
			_, err = out.WriteString(list[i].Line(style) + "\n")
		}
		if err != nil {
			return err
		}
	}
	return out.Flush()
}
