package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// The whole program in its shortest form: every contender works, and every budget is judged. The numbers are not
// checked, because other tests run at the same time.
func TestEverythingRuns(t *testing.T) {
	var out strings.Builder
	if err := run(&out, sizes{effort{rounds: 1, slice: 50 * time.Microsecond}, 500, 50}); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, env := range environments {
		if !strings.Contains(text, "## Retries: "+env.name+"\n") {
			t.Errorf("no table for %q", env.name)
		}
	}
	for _, sc := range scenarios {
		want := len(environments)
		if sc.short {
			want = 2
		}
		if n := strings.Count(text, "| "+sc.name+" "); n != want {
			t.Errorf("%d tables for %q, want %d", n, sc.name, want)
		}
	}
	for _, peer := range httpPeers {
		if n := strings.Count(text, "| "+peer.name+" "); n != 2*len(environments) {
			t.Errorf("%s is in %d tables, want %d", peer.name, n, 2*len(environments))
		}
	}
	for i, peer := range grpcPeers {
		want := 2 * len(environments)
		if i == 0 { // not where it would fail
			want = len(environments)
		}
		if n := strings.Count(text, "| "+peer.name+" "); n != want {
			t.Errorf("%s is in %d tables, want %d", peer.name, n, want)
		}
	}
	for _, c := range contenders {
		if !strings.Contains(text, "| "+c.name+" ") {
			t.Errorf("%q was not measured", c.name)
		}
	}
	_, verdicts, found := strings.Cut(text, "## Budgets\n")
	if n := strings.Count(verdicts, " met |") + strings.Count(verdicts, " missed |"); !found || n != promised {
		t.Errorf("%d budgets were judged, want %d:\n%s", n, promised, verdicts)
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
		t.Errorf("a number is none:\n%s", text)
	}
}

// promised is the number of budgets.
const promised = 40

// logTable prints a table of the docs.
func logTable(t *testing.T, table *table) {
	var out strings.Builder
	(&page{w: &out}).table(table)
	t.Logf("\n%s", &out)
}

func TestAContenderThatDoesNotWorkIsNotMeasured(t *testing.T) {
	for name, c := range map[string]contender{
		"fails":          {name: "fails", build: bareCall},
		"calls too much": {name: "calls too much", build: twice},
	} {
		failures := 0
		if name == "fails" {
			failures = 1
		}
		if _, err := c.start(scenario{failures: failures}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v, want one that names the contender", name, err)
		}
	}
}

// BenchmarkContenders is for profiles; see the package's comment.
func BenchmarkContenders(b *testing.B) {
	for _, env := range environments {
		b.Run(env.name, func(b *testing.B) {
			env.install()
			for _, sc := range scenarios {
				if sc.parallel || !sc.takesPlace(env) {
					continue
				}
				b.Run(sc.name, func(b *testing.B) {
					for _, c := range contenders {
						if !c.takesPart(env, sc) {
							continue
						}
						b.Run(strings.ReplaceAll(c.name, "/", " "), func(b *testing.B) {
							run, err := c.start(sc)
							if err != nil {
								b.Fatal(err)
							}
							b.ReportAllocs()
							for b.Loop() {
								if err := run(); err != nil {
									b.Fatal(err)
								}
							}
						})
					}
				})
			}
		})
	}
}

func twice(_ context.Context, f *flaky) func() error {
	return func() error { return errors.Join(f.call(), f.call()) }
}
