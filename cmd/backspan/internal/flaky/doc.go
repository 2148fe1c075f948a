// Package flaky is the verb flaky: it serves a script of failures for the tests of any language. The scripts and the
// server are those of package retrytest/flaky; this package reads them from a file, and answers questions about what
// arrived.
package flaky
