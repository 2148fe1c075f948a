// Package whatif is the verb whatif: what another retry policy would have done with the operations of an event log.
package whatif
