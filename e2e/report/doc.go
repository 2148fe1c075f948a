// Package report tests the page that `backspan report` writes, in a real browser: headless Chromium, driven over the
// DevTools protocol. It has no code of its own.
//
// Each test writes a trace file or an events file, has the built program make its page, and does with the page what a
// person does: reads, points, types, tabs, zooms, prints. A page that logs an error or asks the network for anything
// fails its test, whatever the test is about.
package report
