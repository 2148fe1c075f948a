// Command bench measures Backspan beside its peers in one run, and prints tables of ratios and the budgets that it is
// held to. In the repository's root:
//
//	make bench
//
// It is a module of its own, so that the peers never reach the module that users import. What is compared, what is not,
// and what the numbers mean stands in docs/performance.md. To see where the time goes, profile a contender alone:
//
//	cd bench && go test -run '^$' -bench '/samples_all/success_at_first$/^Backspan$' -cpuprofile cpu.out
//	go tool pprof -top cpu.out
package main
