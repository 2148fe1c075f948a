// Package scenario makes random runs for tests: graphs of phases that fail, panic, hang and take time, with the options
// and the end of the run's context. What a function does depends only on the scenario and the number of its attempt, so
// the same run can be made again, on any engine.
package scenario
