// Package advice says what an event log has enough evidence for: retries that never help, errors that never recover,
// waits in step, loops that multiply, limits that cut nothing or everything, budgets that are missing or starve.
//
// [Look] asks each question of each operation, of pairs of them, and of each of their errors: pairs. Of most it finds
// nothing, and it has to count those too. A pair becomes a Finding when
//
//   - it has 100 cases, in 3 separate hours. Two hours are separate when the operation succeeded between its first case
//     in the one and its last in the other: an outage of a night is one incident, however many hours it touches;
//   - nothing contradicts it: never means 0 times;
//   - its p-value, after Holm's correction over all pairs that were looked at, is at most 5 %. So a log in which
//     nothing is wrong yields a finding, of whatever kind, once in twenty times or more rarely.
//
// Where something is said to be never, the p-value is that of "once in twenty times or more often", by the exact
// binomial distribution; the bound that is printed is that of Clopper and Pearson. What is seen in single hours, storms
// and steps, has a p-value for each hour, and that of the third least says that there were three such hours.
package advice
