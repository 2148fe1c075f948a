package plan

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// Write prints the plan for a person.
func (p Plan) Write(w io.Writer) error {
	var b strings.Builder
	how := "one after the other"
	switch {
	case !p.Sequence && p.MaxParallel > 0:
		how = fmt.Sprintf("as their needs allow, at most %d at once", p.MaxParallel)
	case !p.Sequence:
		how = "as their needs allow"
	}
	if p.KeepGoing {
		how += ", also after a failure"
	}
	fmt.Fprintf(&b, "plan of %s: %s, %s\n", p.Pipeline, text.Plural(len(p.Phases), "phase", "phases"), how)
	for _, line := range p.Outputs.Lines() {
		b.WriteString(line + "\n")
	}
	for i, phase := range p.Phases {
		phase.write(&b, i+1)
	}
	fmt.Fprintf(&b, "\nat worst: %s\n", p.Worst)
	_, err := io.WriteString(w, text.Safe(b.String(), math.MaxInt))
	return err
}

// Lines say where outputs were taken from, which were not and why.
func (o Outputs) Lines() (lines []string) {
	switch {
	case o.From != "":
		lines = append(lines, fmt.Sprintf("outputs of %s: from %s", strings.Join(o.Phases, ", "), o.From))
		for _, lacking := range o.Lacking {
			lines = append(lines, "without "+lacking)
		}
	case o.Why != "":
		lines = append(lines, "outputs of phases that are left out: none, because "+o.Why)
	}
	return lines
}

func (p Phase) write(b *strings.Builder, number int) {
	fmt.Fprintf(b, "\n%d. %s", number, p.Name)
	if p.If != conditions[orchestrator.OnSuccess] {
		fmt.Fprintf(b, ", if: %s", p.If)
	}
	if p.IfBegan != "" {
		fmt.Fprintf(b, ", if %s began", p.IfBegan)
	}
	if p.Needs != nil {
		fmt.Fprintf(b, ", needs %s", cmp.Or(strings.Join(p.Needs, ", "), "nothing"))
	}
	if p.Timeout > 0 {
		fmt.Fprintf(b, ", timeout %s", text.Exact(time.Duration(p.Timeout)))
	}
	for _, end := range p.Ends.words() {
		fmt.Fprintf(b, ", %s", end)
	}
	b.WriteByte('\n')
	width := 0
	for _, step := range p.Steps {
		width = max(width, utf8.RuneCountInString(step.Name))
	}
	if p.Fallback != nil {
		width = max(width, len("fallback"))
	}
	for _, step := range p.Steps {
		fmt.Fprintf(b, "   %-*s  %s\n", width, step.Name, indented(step.Run, width+5))
		fmt.Fprintf(b, "   %-*s    %s\n", width, "", step.policy())
		if step.BeforeRetry != nil {
			fmt.Fprintf(b, "   %-*s    before each retry: %s\n", width, "", indented(*step.BeforeRetry, width+7))
		}
	}
	if p.Fallback != nil {
		fmt.Fprintf(b, "   %-*s  %s\n", width, "fallback", indented(*p.Fallback, width+5))
	}
	if p.DryRun != nil {
		fmt.Fprintf(b, "   in a dry run: %s\n", indented(*p.DryRun, 5))
	}
	fmt.Fprintf(b, "   recovery: %s\n", delays(retry.Policy(p.Recovery)))
	fmt.Fprintf(b, "   at worst: %s\n", p.Worst)
}

// words say e, each part by itself.
func (e Ends) words() (list []string) {
	if e.SuccessCodes != "" {
		list = append(list, "success on "+e.SuccessCodes)
	}
	if e.SkipCodes != "" {
		list = append(list, "skipped on "+e.SkipCodes)
	}
	if e.AllowFailure {
		list = append(list, "may fail")
	}
	return list
}

func (s Step) policy() string {
	said := delays(retry.Policy(s.Retry))
	said += rules("only", s.RetryOn, s.RetryOnOutput) + rules("never", s.StopOn, s.StopOnOutput)
	for _, end := range s.Ends.words() {
		said += "; " + end
	}
	if s.Output != "" {
		said += fmt.Sprintf("; output (%s) in %s", s.As, s.Output)
	}
	return said
}

// rules say when there is another attempt: only or never on these ends, or when the output matches a pattern.
func rules(when, ends string, patterns []string) string {
	var list []string
	if ends != "" {
		list = append(list, ends)
	}
	for _, expr := range patterns {
		list = append(list, fmt.Sprintf("output that matches %q", expr))
	}
	if list == nil {
		return ""
	}
	return fmt.Sprintf("; %s on %s", when, strings.Join(list, ", "))
}

// indented is the command on one line. A shell's text of several lines stands below, indented.
func indented(c pipefile.Command, by int) string {
	lines := strings.TrimRight(c.Shell, "\n")
	hidden := func(r rune) bool { return r != '\n' && !strconv.IsPrint(r) }
	if !strings.Contains(lines, "\n") || strings.ContainsFunc(lines, hidden) {
		return c.String()
	}
	var b strings.Builder
	b.WriteString(pipefile.Command{Args: c.Args[:len(c.Args)-1]}.String())
	for line := range strings.Lines(lines) {
		fmt.Fprintf(&b, "\n%*s| %s", by, "", strings.TrimRight(line, "\n"))
	}
	return b.String()
}

// maxDelays is how many waits are listed.
const maxDelays = 6

// delays says what waits a policy would take.
func delays(p retry.Policy) string {
	said := "no retries"
	switch n := p.MaxRetries; {
	case n == retry.Never:
	case p.BaseDelay == retry.NoDelay:
		said = retries(n) + " at once"
	default:
		said = retries(n) + " after " + listDelays(p)
	}
	if p.Jitter != retry.NoJitter && p.MaxRetries != retry.Never {
		said += fmt.Sprintf(" (at most, with %v jitter)", p.Jitter)
	}
	if p.AttemptTimeout > 0 {
		said += "; each attempt at most " + text.Exact(p.AttemptTimeout)
	}
	if p.MaxElapsed > 0 && p.MaxRetries != retry.Never {
		said += "; no wait past " + text.Exact(p.MaxElapsed)
	}
	return said
}

func retries(n int) string {
	if n == retry.Unlimited {
		return "retries without limit"
	}
	return text.Plural(n, "retry", "retries")
}

func listDelays(p retry.Policy) string {
	var list []string
	for n, d := range longestDelays(p) {
		if n > maxDelays {
			list = append(list, "…")
			break
		}
		list = append(list, text.Duration(d))
	}
	return strings.Join(list, ", ")
}

// String reads like "16 commands, 1m10s of waiting, 5m10s in all".
func (b Bound) String() string {
	commands := "commands without limit"
	if b.Commands < math.MaxInt {
		commands = text.Plural(b.Commands, "command", "commands")
	}
	waits := "waits without limit"
	switch {
	case b.Waits == 0:
		waits = "no waiting"
	case b.Waits < forever:
		waits = text.Duration(b.Waits) + " of waiting"
	}
	if b.Endless != "" {
		return fmt.Sprintf("%s, %s, no limit in all: %s", commands, waits, b.Endless)
	}
	if b.Time == forever {
		return fmt.Sprintf("%s, %s, centuries in all", commands, waits)
	}
	return fmt.Sprintf("%s, %s, %s in all", commands, waits, text.Duration(b.Time))
}
