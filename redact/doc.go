// Package redact masks secrets in error texts before they are written, drawn or exported.
//
// Backspan masks by default. Package events and package telemetry take a function for it in a field called Redact, and
// use [Secrets] where that is nil:
//
//	telemetry.Config{}                                      // Secrets
//	telemetry.Config{Redact: redact.Also(customerNumber)}   // Secrets, and what the pattern matches
//	telemetry.Config{Redact: redact.Nothing}                // texts as they are
//
// A function of your own replaces Secrets. Call Secrets in it to keep what that masks.
//
// Patterns are those of package regexp, so the time for a text is linear in its length. Most texts hold nothing that
// begins as a secret does; for them Secrets reads the text once and runs no pattern.
package redact
