// Package retrytest helps to test code that retries: it records the spans of the retries below a context, prints them
// as a tree that a test can compare, and lets waits pass at once.
//
//	ctx, rec := retrytest.Record(t, context.Background())
//	err := loadMarketData(retrytest.NoWait(ctx))
//	// …
//	want := `market_data_fetch: recovered after 2 attempts
//	  attempt 1: retrying in 1s: connection refused
//	  attempt 2: success
//	`
//	if got := rec.Tree(); got != want { … }
//
// Nothing global is touched, so tests can run in parallel. Where the time itself matters, run the code in a
// testing/synctest bubble instead of using NoWait: the bubble's clock jumps over the waits.
package retrytest
