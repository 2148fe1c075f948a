// Package eventfiles is what the verbs share that read event logs: which files are meant, the records of them that
// match, and what is said on stderr of files that are missing, damaged or out of order.
package eventfiles
