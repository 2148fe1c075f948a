package pipefile

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// conditions are the words of a file.
var conditions = [...]string{
	orchestrator.OnSuccess: "success", orchestrator.OnFailure: "failure", orchestrator.Always: "always",
}

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
	fmt.Fprintf(&b, "plan of %s: %s, %s\n", p.Pipeline, counted(len(p.Phases), "phase"), how)
	for i, phase := range p.Phases {
		phase.write(&b, i+1)
	}
	fmt.Fprintf(&b, "\nat worst: %s\n", p.Worst)
	_, err := io.WriteString(w, b.String())
	return err
}

func (p PlannedPhase) write(b *strings.Builder, number int) {
	fmt.Fprintf(b, "\n%d. %s", number, p.Name)
	if p.If != orchestrator.OnSuccess {
		fmt.Fprintf(b, ", if: %s", conditions[p.If])
	}
	if len(p.Needs) > 0 {
		fmt.Fprintf(b, ", needs %s", strings.Join(p.Needs, ", "))
	}
	if p.Timeout > 0 {
		fmt.Fprintf(b, ", timeout %s", short(p.Timeout))
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
		fmt.Fprintf(b, "   %-*s  %s\n", width, step.Name, step.Run.indented(width+5))
		fmt.Fprintf(b, "   %-*s    %s\n", width, "", step.policy())
	}
	if p.Fallback != nil {
		fmt.Fprintf(b, "   %-*s  %s\n", width, "fallback", p.Fallback.indented(width+5))
	}
	if p.DryRun != nil {
		fmt.Fprintf(b, "   in a dry run: %s\n", p.DryRun.indented(5))
	}
	fmt.Fprintf(b, "   recovery: %s\n", delays(p.Recovery))
	fmt.Fprintf(b, "   at worst: %s\n", p.Worst)
}

func (s PlannedStep) policy() string {
	text := delays(s.Retry)
	if s.RetryOn != "" {
		text += "; only on " + s.RetryOn
	}
	if s.StopOn != "" {
		text += "; never on " + s.StopOn
	}
	if s.Output != "" {
		text += "; output in " + s.Output
	}
	return text
}

// indented is String, but a shell's text of several lines has them below, indented.
func (c Command) indented(by int) string {
	text := strings.TrimRight(c.Shell, "\n")
	if !strings.Contains(text, "\n") || strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !strconv.IsPrint(r) }) {
		return c.String()
	}
	var b strings.Builder
	b.WriteString("sh -c")
	for line := range strings.Lines(text) {
		fmt.Fprintf(&b, "\n%*s| %s", by, "", strings.TrimRight(line, "\n"))
	}
	return b.String()
}

// String is the command on one line, as a shell would take it.
func (c Command) String() string {
	words := make([]string, len(c.Args))
	for i, word := range c.Args {
		words[i] = quote(word)
	}
	return strings.Join(words, " ")
}

// quote puts into quotes what a shell would take apart. Line breaks and what cannot be seen are written as in Go.
func quote(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_"
	switch {
	case word != "" && strings.Trim(word, plain) == "":
		return word
	case strings.ContainsFunc(word, func(r rune) bool { return !strconv.IsPrint(r) }):
		return "$" + strconv.Quote(word)
	default:
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
}

// maxDelays is how many waits are listed.
const maxDelays = 6

// delays says what waits a policy would take.
func delays(p retry.Policy) string {
	text := "no retries"
	switch n := p.MaxRetries; {
	case n == retry.Never:
	case p.BaseDelay == retry.NoDelay:
		text = retries(n) + " at once"
	default:
		text = retries(n) + " after " + listDelays(p)
	}
	if p.Jitter != retry.NoJitter && p.MaxRetries != retry.Never {
		text += fmt.Sprintf(" (at most, with %v jitter)", p.Jitter)
	}
	if p.AttemptTimeout > 0 {
		text += "; each try at most " + short(p.AttemptTimeout)
	}
	if p.MaxElapsed > 0 && p.MaxRetries != retry.Never {
		text += "; no wait past " + short(p.MaxElapsed)
	}
	return text
}

func retries(n int) string {
	switch n {
	case retry.Unlimited:
		return "retries without limit"
	case 1:
		return "1 retry"
	default:
		return fmt.Sprintf("%d retries", n)
	}
}

func listDelays(p retry.Policy) string {
	var list []string
	previous := time.Duration(0)
	for n := 1; n <= p.MaxRetries || p.MaxRetries == retry.Unlimited; n++ {
		if len(list) == maxDelays {
			list = append(list, "…")
			break
		}
		previous = longestDelay(p, n, previous)
		list = append(list, short(previous))
	}
	return strings.Join(list, ", ")
}

// String reads like "16 commands, 1m10s of waiting, 5m10s in all".
func (b Bound) String() string {
	commands := "commands without limit"
	if b.Commands < math.MaxInt {
		commands = counted(b.Commands, "command")
	}
	waits := "waits without limit"
	switch {
	case b.Waits == 0:
		waits = "no waiting"
	case b.Waits < forever:
		waits = short(b.Waits) + " of waiting"
	}
	if b.Endless != "" {
		return fmt.Sprintf("%s, %s, no limit in all: %s", commands, waits, b.Endless)
	}
	if b.Time == forever {
		return fmt.Sprintf("%s, %s, centuries in all", commands, waits)
	}
	return fmt.Sprintf("%s, %s, %s in all", commands, waits, short(b.Time))
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// short writes a duration without what is zero at its end, to the millisecond: 1m30s, 5m, 2h.
func short(d time.Duration) string {
	if d >= time.Millisecond {
		d = d.Round(time.Millisecond)
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// What the JSON of a plan holds. Durations are seconds, as in the report.
type (
	planJSON struct {
		Pipeline    string      `json:"pipeline"`
		Sequence    bool        `json:"sequence"`
		MaxParallel int         `json:"max_parallel,omitempty"`
		Phases      []phaseJSON `json:"phases"`
		Worst       boundJSON   `json:"worst_case"`
	}
	phaseJSON struct {
		Phase    string     `json:"phase"`
		Needs    []string   `json:"needs,omitempty"`
		If       string     `json:"if"`
		Timeout  float64    `json:"timeout,omitempty"`
		Recovery policyJSON `json:"recovery"`
		Steps    []stepJSON `json:"steps"`
		Fallback []string   `json:"fallback,omitempty"`
		DryRun   []string   `json:"dry_run,omitempty"`
		Worst    boundJSON  `json:"worst_case"`
	}
	stepJSON struct {
		Step    string     `json:"step"`
		Command []string   `json:"command"`
		Output  string     `json:"output,omitempty"`
		Retry   policyJSON `json:"retry"`
		RetryOn string     `json:"retry_on,omitempty"`
		StopOn  string     `json:"stop_on,omitempty"`
		Worst   boundJSON  `json:"worst_case"`
	}
	policyJSON struct {
		MaxRetries     *int      `json:"max_retries"` // null: no limit
		Delays         []float64 `json:"delays"`      // the first ones, each the longest that it can be
		Jitter         string    `json:"jitter"`
		AttemptTimeout float64   `json:"attempt_timeout,omitempty"`
		MaxElapsed     float64   `json:"max_elapsed,omitempty"`
	}
	boundJSON struct {
		Commands *int     `json:"commands"` // null: no limit
		Waits    *float64 `json:"waits"`
		Time     *float64 `json:"time"`
		Endless  string   `json:"no_limit,omitempty"`
	}
)

// MarshalJSON writes the plan for programs.
func (p Plan) MarshalJSON() ([]byte, error) {
	out := planJSON{Pipeline: p.Pipeline, Sequence: p.Sequence, MaxParallel: p.MaxParallel, Worst: p.Worst.json()}
	for _, phase := range p.Phases {
		j := phaseJSON{
			Phase: phase.Name, Needs: phase.Needs, If: conditions[phase.If], Timeout: phase.Timeout.Seconds(),
			Recovery: policyOf(phase.Recovery), Worst: phase.Worst.json(),
		}
		for _, s := range phase.Steps {
			j.Steps = append(j.Steps, stepJSON{s.Name, s.Run.Args, s.Output, policyOf(s.Retry), s.RetryOn, s.StopOn, s.Worst.json()})
		}
		if phase.Fallback != nil {
			j.Fallback = phase.Fallback.Args
		}
		if phase.DryRun != nil {
			j.DryRun = phase.DryRun.Args
		}
		out.Phases = append(out.Phases, j)
	}
	return json.Marshal(out)
}

// delaysInJSON bounds the list of a policy with a million retries.
const delaysInJSON = 100

func policyOf(p retry.Policy) policyJSON {
	out := policyJSON{
		Delays: []float64{}, Jitter: p.Jitter.String(),
		AttemptTimeout: p.AttemptTimeout.Seconds(), MaxElapsed: p.MaxElapsed.Seconds(),
	}
	n := p.MaxRetries
	switch n {
	case retry.Unlimited:
		n = delaysInJSON
	case retry.Never:
		n = 0
		fallthrough
	default:
		out.MaxRetries = &n
	}
	previous := time.Duration(0)
	for k := 1; k <= min(n, delaysInJSON); k++ {
		previous = longestDelay(p, k, previous)
		out.Delays = append(out.Delays, previous.Round(time.Microsecond).Seconds())
	}
	return out
}

func (b Bound) json() boundJSON {
	out := boundJSON{Endless: b.Endless}
	if b.Commands < math.MaxInt {
		out.Commands = &b.Commands
	}
	seconds := func(d time.Duration) *float64 {
		s := d.Round(time.Microsecond).Seconds()
		return &s
	}
	if b.Waits < forever {
		out.Waits = seconds(b.Waits)
	}
	if b.Endless == "" {
		out.Time = seconds(b.Time)
	}
	return out
}
