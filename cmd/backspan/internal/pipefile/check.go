package pipefile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/orchestrator"
)

// check finds what is wrong between values that are right each by itself.
func (r *reader) check(f *File) {
	if len(f.Phases) > maxPhases {
		r.complainAt(fmt.Sprintf("phases[%d]", maxPhases), "is one of %d phases, want at most %d",
			len(f.Phases), maxPhases)
		return
	}
	phases := map[string]int{}
	for i, phase := range f.Phases {
		key := fmt.Sprintf("phases[%d]", i)
		if first, ok := phases[phase.Name]; ok {
			r.complainAt(key+".name", "is %q, as in line %d; each phase needs a name of its own",
				phase.Name, r.nodes[fmt.Sprintf("phases[%d].name", first)].Line)
		} else {
			phases[phase.Name] = i
		}
		r.checkSteps(phase, key)
		r.checkDelays(phase.Recovery.Or(f.Recovery), key+".recovery", "recovery")
		for k, step := range phase.Steps {
			own := fmt.Sprintf("%s.steps[%d].retry", key, k)
			r.checkDelays(step.Retry.Or(phase.Retry).Or(f.Retry).Policy, own, key+".retry", "retry")
		}
	}
	r.checkOutputs(f)
	if r.checkNeeds(f, phases) && r.checkCycle(f, phases) {
		r.checkBegan(f, phases)
		r.checkReferences(f)
	}
	for i, phase := range f.Phases {
		key := fmt.Sprintf("phases[%d].if", i)
		switch {
		case phase.If != orchestrator.OnFailure || len(phase.Needs) > 0:
		case phase.Needs != nil:
			r.complainAt(key,
				"is failure, but needs is empty, so that nothing that could fail comes before; want needs")
		case i == 0:
			r.complainAt(key,
				"is failure, but nothing comes before the first phase that could fail; want needs, or another place")
		}
	}
	for _, v := range f.Vars {
		if clash := r.nodes["env."+v.Name]; clash != nil {
			r.complainAt("vars."+v.Name, "stands in env too, in line %d; want one of the two", clash.Line)
		}
	}
}

func (r *reader) checkSteps(phase Phase, key string) {
	steps := map[string]int{}
	for k, step := range phase.Steps {
		name := fmt.Sprintf("%s.steps[%d].name", key, k)
		if line, ok := steps[step.Name]; ok {
			r.complainAt(name, "is %q, as in line %d; each step of a phase needs a name of its own", step.Name, line)
		} else {
			steps[step.Name] = r.nodes[name].Line
		}
		own := fmt.Sprintf("%s.steps[%d].skip_codes", key, k)
		success := cmp.Or(step.SuccessCodes, phase.SuccessCodes)
		r.checkCodes(step.SkipCodes, success, own)
		if step.SuccessCodes != nil || k == 0 {
			r.checkCodes(phase.SkipCodes, success, key+".skip_codes")
		}
		hook := step.Retry.BeforeRetry
		if len(step.Shell) > 0 && step.Run.Shell == "" && (hook == nil || hook.Shell == "") {
			r.complainAt(fmt.Sprintf("%s.steps[%d].shell", key, k),
				"is for a text, but run is a list of words, which no shell sees; want one of the two")
		}
	}
}

// checkCodes refuses an exit code that is to be skipped, at key, and a success too.
func (r *reader) checkCodes(skip, success *command.Ends, key string) {
	if skip == nil || success == nil {
		return
	}
	if code, both := skip.Overlap(success); both {
		r.complainAt(key, "has %d, which stands in success_codes too; want one of the two", code)
	}
}

// checkBegan refuses an if_began that is no phase, or one that need not have ended when its phase begins.
func (r *reader) checkBegan(f *File, phases map[string]int) {
	var upstream map[string][]string
	for i, phase := range f.Phases {
		key := fmt.Sprintf("phases[%d].if_began", i)
		if phase.IfBegan == "" {
			continue
		}
		if upstream == nil {
			ordered := *f
			ordered.Phases = slices.Clone(f.Phases)
			ordered.order()
			upstream = ordered.Upstream()
		}
		switch _, known := phases[phase.IfBegan]; {
		case phase.IfBegan == phase.Name:
			r.complainAt(key, "is the phase itself; want another phase")
		case !known:
			r.complainAt(key, "is %q, which is no phase%s", phase.IfBegan, otherPhases(f, phase.Name, phase.IfBegan))
		case !slices.Contains(upstream[phase.Name], phase.IfBegan):
			r.complainAt(key, "is %q, which phase %q does not wait for; want a phase that it needs, or one before it",
				phase.IfBegan, phase.Name)
		}
	}
}

// checkDelays refuses a base_delay above max_delay. keys are those of the policies that may have set either, the
// innermost first. The complaint is about the innermost policy that did.
func (r *reader) checkDelays(policy command.Policy, keys ...string) {
	resolved := policy.Resolve(0)
	if resolved.BaseDelay <= resolved.MaxDelay {
		return
	}
	base, most := text.Exact(resolved.BaseDelay), text.Exact(resolved.MaxDelay)
	for _, policyKey := range keys {
		key, want := policyKey+".base_delay", fmt.Sprintf("is %s, want at most max_delay, which is %s", base, most)
		if r.nodes[key] == nil {
			key, want = policyKey+".max_delay", fmt.Sprintf("is %s, want at least base_delay, which is %s", most, base)
		}
		switch {
		case r.nodes[key] == nil: // said further out
		case slices.ContainsFunc(r.problems, func(p Problem) bool { return p.Key == key }): // for another step too
			return
		default:
			r.complainAt(key, "%s", want)
			return
		}
	}
}

// checkOutputs refuses outputs whose variables have the same name.
func (r *reader) checkOutputs(f *File) {
	type operation struct{ phase, step string }
	seen := map[string]operation{}
	for i, phase := range f.Phases {
		for k, step := range phase.Steps {
			if step.Output == NoOutput {
				continue
			}
			name := OutputVariable(phase.Name, step.Name)
			this := operation{phase.Name, step.Name}
			if first, ok := seen[name]; ok && first != this {
				r.complainAt(fmt.Sprintf("phases[%d].steps[%d].name", i, k),
					"its output would be %s, as that of step %q of phase %q; want another name",
					name, first.step, first.phase)
			}
			seen[name] = this
		}
	}
}

// manyProblems ends the search for wrong needs: a suggestion for each would take long.
const manyProblems = 100

// checkNeeds reports whether all needs are other phases, each once.
func (r *reader) checkNeeds(f *File, phases map[string]int) bool {
	before := len(r.problems)
	for i, phase := range f.Phases {
		seen := map[string]bool{}
		for k, need := range phase.Needs {
			key := fmt.Sprintf("phases[%d].needs[%d]", i, k)
			_, known := phases[need]
			switch {
			case need == phase.Name:
				r.complainAt(key, "is the phase itself; want another phase")
			case !known:
				r.complainAt(key, "is %q, which is no phase%s", need, otherPhases(f, phase.Name, need))
			case seen[need]:
				r.complainAt(key, "is %q, which stands there already", need)
			}
			seen[need] = true
			if len(r.problems) > manyProblems {
				return false
			}
		}
	}
	return len(r.problems) == before
}

func otherPhases(f *File, not, meant string) string {
	names := slices.DeleteFunc(f.PhaseNames(), func(name string) bool { return name == not })
	if len(names) == 0 {
		return ", nor is there another"
	}
	return didYouMean(meant, names)
}

// checkCycle complains about a cycle that the orchestrator finds, where its first phase needs the second one. It
// reports whether there is none.
func (r *reader) checkCycle(f *File, phases map[string]int) bool {
	_, err := f.Pipeline().Plan()
	found, ok := errors.AsType[*orchestrator.CycleError](err)
	if !ok {
		return true
	}
	cycle := found.Cycle
	first, second := phases[cycle[0]], cycle[1%len(cycle)]
	if len(cycle) > maxShown+1 {
		cycle = append(cycle[:maxShown+1], "…")
	}
	r.complainAt(fmt.Sprintf("phases[%d].needs[%d]", first, slices.Index(f.Phases[first].Needs, second)),
		"makes a cycle, so that none of its phases could begin: %s needs %s",
		strings.Join(cycle, " needs "), found.Cycle[0])
	return false
}
