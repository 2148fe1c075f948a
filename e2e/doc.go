// Package e2e tests Backspan from outside: the built program, a real Jaeger, signals, files and the modules as
// their users will fetch them.
//
// It holds nothing but tests, and is a module of its own so that what it needs (a compose-file library, a module
// zipper) never reaches the module that users import.
package e2e
