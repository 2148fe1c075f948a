// Package drawn has only tests: what the terminal, the page and the live view draw of the same sessions, as goldens.
package drawn
