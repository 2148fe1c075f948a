package main

import (
	"errors"
	"fmt"
)

// standing holds the results of one scenario, by the contender's name.
type standing map[string]result

func standingOf(results []result) standing {
	s := standing{}
	for _, r := range results {
		s[r.name] = r
	}
	return s
}

// ratio is the time of name divided by the time of base.
func (s standing) ratio(name, base string) float64 { return s[name].over(s[base]) }

func measureRetries(p *page, s sizes) error {
	all := map[string]standing{} // by environment and scenario
	for _, env := range environments {
		env.install()
		p.title("Retries: " + env.name)
		for _, sc := range scenarios {
			if !sc.takesPlace(env) {
				continue
			}
			list, err := subjects(env, sc)
			if err != nil {
				return err
			}
			results := measure(list, s.effort)
			found := standingOf(results)
			all[env.name+", "+sc.name] = found
			p.results(sc.name, results, base{"backoff v7", found[nameV7]},
				base{"by hand, with spans", found[nameByHand]})
		}
		if err := errors.Join(measureHTTP(p, s, env), measureGRPC(p, s, env)); err != nil {
			return err
		}
	}
	judgeRetries(p, all)
	return nil
}

// noise is the factor by which a ratio in parallel may exceed the ratio on one processor. The two are measured by
// different clocks. Contention for a lock would double the ratio on two processors.
const noise = 1.5

func judgeRetries(p *page, all map[string]standing) {
	none, noop, sampled := environments[0].name, environments[1].name, environments[3].name
	first, failing, deep := scenarios[0].name, scenarios[1].name, scenarios[4].name
	of := func(env, sc string) standing { return all[env+", "+sc] }
	judge := func(env, sc, name, base string, limit float64) {
		p.promise(fmt.Sprintf("%s, %s: %s ÷ %s", env, sc, name, base), limit, of(env, sc).ratio(name, base), "×")
	}
	bytes := func(sc string) {
		found := of(sampled, sc)
		p.promise(fmt.Sprintf("%s, %s: bytes, %s ÷ %s", sampled, sc, nameBackspan, nameByHand), 1,
			found[nameBackspan].bytes/found[nameByHand].bytes, "×")
	}
	scales := func(env, sc, base string) {
		limit := of(env, sc).ratio(nameBackspan, base) * noise
		judge(env, sc+", parallel", nameBackspan, base, limit)
	}

	judge(none, first, nameBackspan, nameV7, 0.85)
	judge(none, deep, nameBackspan, nameV7, 1)
	judge(none, first, nameBackspan, nameFailsafe, 0.5)
	p.promise(fmt.Sprintf("%s, %s: allocations", none, first), 1, of(none, first)[nameBackspan].allocs, "")
	judge(none, failing, nameBackspan, nameV7, 0.5)
	judge(noop, first, nameBackspan, nameV7, 0.8)

	judge(sampled, first, nameBackspan, nameSDKSpans, 1.15)
	judge(sampled, first, nameBackspan, nameByHand, 1.25)
	judge(sampled, first, nameLate, nameByHand, 0.6)
	judge(sampled, first, nameBackspan, nameAsFull, 1)
	judge(sampled, failing, nameBackspan, nameAsFull, 1)
	bytes(first)
	bytes(failing)

	scales(none, first, nameV7)
	scales(none, failing, nameV7)
	scales(sampled, first, nameByHand)
	scales(sampled, failing, nameByHand)
}
