// Package replay says what another retry policy would have done with the operations of an event log.
//
//	log, err := replay.New(history, seed) // counts, and checks itself with the recorded policies
//	answer, err := log.Ask(replay.Policy{Retry: retry.Policy{MaxRetries: 2}})
//
// What follows an attempt is decided by package retry itself (internal/decide), and budgets are its own. The model is
// about what attempts meet that were not made, and stands on this:
//
//   - A first attempt begins when it did, and meets what it met.
//   - An attempt at the age of one that was made meets the same.
//   - Between two attempts of its own, an operation that is not stuck meets what the attempts of all operations met at
//     that moment. Its own attempts tell how likely it is to be stuck: to fail whatever is tried.
//   - After the last attempt of its own, it succeeds as often as others of its error type did at that age
//     (Kaplan-Meier; an operation that gave up is counted as long as it tried).
//   - Beyond the oldest age that was seen there is no answer.
//   - A final answer (permanent, not_retryable, retry_later) stays one, and what a server asked for is obeyed.
//
// The interval comes from a bootstrap of whole minutes. See docs/whatif.md for how well it does.
package replay
