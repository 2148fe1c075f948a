// Command e2e shows that runs on Temporal survive: it starts a Temporal server and workers, kills them with SIGKILL in
// the middle of a wait and of an attempt, starts them again, and compares what comes out with the same run in one
// process. It also makes the mistakes that users make. `make temporal-e2e` builds the server and calls it.
package main
