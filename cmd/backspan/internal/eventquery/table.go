package eventquery

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// Write prints the statistics as tables for a person.
func (s *Stats) Write(w io.Writer, style Style) error {
	var b strings.Builder
	if len(s.Operations)+len(s.Phases) == 0 {
		fmt.Fprintf(&b, "%s, and no retry among them\n", text.Plural(s.Records, "event", "events"))
	} else {
		b.WriteString(style.joined(fmt.Sprintf("%s of %s,", text.Plural(s.Records, "event", "events"),
			text.Plural(s.Sessions, "session", "sessions")), betweenTimes(s.First, s.Last, style.zone())))
	}
	if s.Dropped > 0 {
		fmt.Fprintf(&b, "%s lost while writing: the numbers are too low\n", text.Plural(s.Dropped, "event", "events"))
	}
	if len(s.Operations) > 0 {
		b.WriteByte('\n')
		s.operations(style).write(&b, style)
		b.WriteString("\n" + s.rateNote() + "Waits are as planned; those that were cut short are not counted.\n")
	}
	if len(s.Phases) > 0 {
		b.WriteByte('\n')
		s.phases(style).write(&b, style)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// CSV writes the operations and phases for programs, with seconds as numbers.
func (s *Stats) CSV(w io.Writer) error {
	g := s.operations(Style{})
	g.rows = append(g.rows, s.phases(Style{}).rows...)
	return g.csv(w)
}

// rateNote says what SUCCESS counts.
func (s *Stats) rateNote() string {
	for i := range s.Operations {
		if s.Operations[i].SuccessRate != nil {
			return "SUCCESS counts what succeeded at once as well; no other column does.\n"
		}
	}
	return "Operations that succeeded at once are not in the log and in no number here.\n"
}

// kinds are the columns that operations and phases have in common for programs; people see those with a title.
func kinds(first string, titles map[string]string) []column {
	spare := map[string]int{"first": 9, "last": 8, "retried": 7, "attempts": 6, "recoveries": 6, "outcomes": 5}
	list := []column{{name: "kind"}, {name: "name", title: strings.ToUpper(first)}}
	for _, name := range []string{
		"asked", "failed", "attempts", "retried", "recovered", "fell_back", "given_up", "stopped", "waited_seconds",
		"calls_per_asked", "succeeded", "success_rate",
	} {
		list = append(list, column{name, titles[name], true, spare[name]})
	}
	for _, name := range []string{"first", "last", "error", "error_count"} {
		list = append(list, column{name, titles[name], false, spare[name]})
	}
	return list
}

func (s *Stats) operations(style Style) *grid {
	titles := map[string]string{
		"asked": "ASKED", "attempts": "ATTEMPTS", "retried": "RETRIED", "recovered": "RECOVERED",
		"given_up": "GIVEN UP", "waited_seconds": "WAITED", "calls_per_asked": "CALLS/ASKED", "success_rate": "SUCCESS",
		"first": "FIRST", "last": "LAST",
	}
	g := &grid{columns: kinds(s.By, titles)}
	for i := range s.Operations {
		o := &s.Operations[i]
		rate := cell{"-", ""}
		if o.SuccessRate != nil {
			rate = cell{fmt.Sprintf("%.2f%%", 100**o.SuccessRate), decimal(*o.SuccessRate)}
		}
		g.add(style, o.Errors, plain("operation"), nameCell(o.Name+o.Group),
			number(o.Asked), number(o.Failed), number(o.Attempts), number(o.Retried), number(o.Recovered), plain(""),
			number(o.GivenUp), number(o.Stopped), seconds(o.Waited),
			cell{fmt.Sprintf("%.2f", o.Amplification), decimal(o.Amplification)}, number(o.Succeeded), rate,
			timeCell(o.First, style), timeCell(o.Last, style))
	}
	return g
}

func (s *Stats) phases(style Style) *grid {
	titles := map[string]string{
		"failed": "FAILED", "attempts": "RECOVERIES", "recovered": "RECOVERED", "fell_back": "FELL BACK",
		"given_up": "GIVEN UP", "waited_seconds": "WAITED", "first": "FIRST", "last": "LAST",
	}
	first := "phase"
	if s.By != ByOperation {
		first = s.By + ", phases"
	}
	g := &grid{columns: kinds(first, titles)}
	for i := range s.Phases {
		p := &s.Phases[i]
		g.add(style, p.Errors, plain("phase"), nameCell(p.Name+p.Group),
			plain(""), number(p.Failed), number(p.Recoveries), plain(""), number(p.Recovered), number(p.FellBack),
			number(p.GivenUp), plain(""), seconds(p.Waited), plain(""), plain(""), plain(""),
			timeCell(p.First, style), timeCell(p.Last, style))
	}
	return g
}

// add adds a row with its commonest errors: below it on a terminal, else at its end.
func (g *grid) add(style Style, errors []ErrorCount, cells ...cell) {
	commonest := ErrorCount{}
	if len(errors) > 0 {
		commonest = errors[0]
	}
	count := plain("")
	if commonest.Count > 0 {
		count = number(commonest.Count)
	}
	g.rows = append(g.rows, append(cells, cell{top(errors), classText(commonest.Type, commonest.Error)}, count))
	if style.Width == 0 {
		g.columns[len(g.columns)-2].title = "COMMONEST ERRORS"
		return
	}
	var below []string
	for i := range errors[:min(len(errors), topErrors)] {
		below = append(below, errors[i].line())
	}
	if more := len(errors) - len(below); more > 0 {
		below = append(below, fmt.Sprintf("and %d more: count --by error", more))
	}
	g.below = append(g.below, below)
}

// topErrors is how many classes of errors of each operation people see.
const topErrors = 3

// top names the commonest errors in one line.
func top(errors []ErrorCount) string {
	const most = 100 // columns of one
	var list []string
	for _, e := range errors[:min(topErrors, len(errors))] {
		list = append(list, fmt.Sprintf("%s ×%d", text.Cut(e.text(), most, "…"), e.Count))
	}
	if more := len(errors) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, ", ")
}

// text is what the class of errors is for people.
func (e *ErrorCount) text() string { return classText(e.Type, e.Error) }

// line is e in a line, with the example where the class leaves something out.
func (e *ErrorCount) line() string {
	line := fmt.Sprintf("%d× %s", e.Count, e.text())
	if strings.Contains(e.Error, text.Varying) {
		line += ", for example " + text.Line(text.Reason(e.Example))
	}
	return line
}

func number(n int64) cell { return plain(strconv.FormatInt(n, 10)) }

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func seconds(s float64) cell { return cell{text.Seconds(s), decimal(s)} }

// nameCell is a name, which may be anything.
func nameCell(name string) cell { return cell{text.Name(name), name} }

// timeCell is a timestamp: as it is for programs.
func timeCell(at string, style Style) cell { return cell{short(at, style.zone()), at} }
