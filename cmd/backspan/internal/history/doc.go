// Package history rebuilds the operations of an event log: what each attempt did, when it began, how long it took and
// what was waited for it, and how the operation ended. A Builder hands them out one by one as the records come; Collect
// keeps all of a log, up to a bound.
//
// An event log knows less than the spans that it was made from. Who counts with it has to know what is missing:
//
//   - An operation that succeeded at its first attempt has no record. A Tally says how many did so in a window of time,
//     10 to 60 seconds long, and how long they took, to a factor of √2; not when within the window. exec, run and demo
//     write none. Beyond 100 operations of one process all are counted as OtherOperations.
//   - An operation whose last record says that it is retried is cut: it was under way when the log ended, or its
//     process died. Outcome is empty.
//   - An operation whose first record is of a later attempt lost its beginning to a rotation or to --since. Begun is
//     false, and Start is that of the first attempt which is known.
//   - The records of one operation are found by its session, trace, host, process, name, and the times of its attempts,
//     because no record has the operation's own id. Of two operations with the same name in one trace whose attempts
//     end at the same microsecond, one may get the other's.
//   - Times are rounded to a microsecond, and are those of the clock of the host that wrote them.
//   - The policy is known by its max_retries and its max_elapsed alone. Waits are as planned, before an attempt and
//     after it.
//   - A recovered attempt does not say depth, error or what a server asked for; the failed ones before it did.
//   - The log has what its own clients did. What others asked the same server for is in no record.
package history
