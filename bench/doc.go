// Command bench measures Backspan beside its peers in one run, and prints tables of ratios and the budgets that it is
// held to. In the repository's root:
//
//	make bench
//
// It is a module of its own, so that the peers never reach the module that users import. What is compared, what is
// not, and what the numbers mean stands in docs/performance.md. To see where the time of one contender goes:
//
//	make profile
//	make profile CASE=SDK_that_samples_all/two_failures,_no_delay/Backspan
package main
