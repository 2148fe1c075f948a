package drawn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

const (
	unavailable = "GET /prices: 503 Service Unavailable"
	refused     = `Get "http://127.0.0.1:38229/prices": dial tcp 127.0.0.1:38229: connect: connection refused`
	reset       = `Get "http://127.0.0.1:38229/prices": read tcp 127.0.0.1:51112->127.0.0.1:38229: read: connection reset by peer`
	slow        = `Get "http://127.0.0.1:38229/prices": context deadline exceeded`
)

// scenarios are what the demo does, more or less.
var scenarios = map[string]func(context.Context, *engine){
	"healthy": func(ctx context.Context, e *engine) {
		e.run(ctx, "demo", func(ctx context.Context) error {
			return errors.Join(
				e.phase(ctx, "data_preparation", call{lasts: ms(5), does: func(ctx context.Context) error {
					return errors.Join(
						e.operation(ctx, "fetch_catalogue", "", call{lasts: ms(31)}),
						e.operation(ctx, "fetch_prices", "", call{lasts: ms(58)}),
						e.operation(ctx, "fetch_rates", "", call{lasts: ms(22)}))
				}}),
				e.phase(ctx, "analysis", call{lasts: ms(43)}),
				e.phase(ctx, "report", call{lasts: ms(4), does: func(ctx context.Context) error {
					return e.operation(ctx, "write_report", "", call{lasts: ms(9)})
				}}))
		})
	},
	"flaky": func(ctx context.Context, e *engine) {
		e.run(ctx, "demo", func(ctx context.Context) error {
			prepare := func(prices ...call) func(context.Context) error {
				return func(ctx context.Context) error {
					err := e.operation(ctx, "fetch_catalogue", "",
						call{lasts: ms(35), fails: unavailable, wait: ms(250)}, call{lasts: ms(41)})
					if err != nil {
						return err
					}
					return e.operation(ctx, "fetch_prices", semconv.OutcomeExhausted, prices...)
				}
			}
			return errors.Join(
				e.phase(ctx, "data_preparation",
					call{lasts: ms(12), wait: ms(1000), does: prepare(
						call{lasts: ms(28), fails: refused, wait: ms(250)},
						call{lasts: ms(301), fails: slow, wait: ms(500)},
						call{lasts: ms(33), fails: reset, wait: ms(1000)},
						call{lasts: ms(30), fails: refused})},
					call{lasts: ms(9), does: prepare(
						call{lasts: ms(300), fails: slow, wait: ms(250)}, call{lasts: ms(61)})}),
				e.phase(ctx, "analysis", call{lasts: ms(180)}),
				e.phase(ctx, "report", call{lasts: ms(15), does: func(ctx context.Context) error {
					return e.operation(ctx, "upload_report", semconv.OutcomeExhausted,
						call{lasts: ms(46), fails: unavailable, wait: ms(250)},
						call{lasts: ms(39), fails: unavailable, wait: ms(500)}, call{lasts: ms(52)})
				}}))
		})
	},
	"outage": func(ctx context.Context, e *engine) {
		e.run(ctx, "demo", func(ctx context.Context) error {
			fetch := func(ctx context.Context) error {
				return e.operation(ctx, "fetch_catalogue", semconv.OutcomeExhausted,
					call{lasts: ms(2), fails: refused, wait: ms(250)},
					call{lasts: ms(1), fails: refused, wait: ms(500)},
					call{lasts: ms(2), fails: refused, wait: ms(1000)}, call{lasts: ms(1), fails: refused})
			}
			try := call{lasts: ms(3), does: fetch}
			err := e.phase(ctx, "data_preparation",
				call{lasts: ms(3), does: fetch, wait: ms(2000)}, call{lasts: ms(3), does: fetch, wait: ms(4000)},
				call{lasts: ms(3), does: fetch, wait: ms(8000)}, try)
			e.skip(ctx, "analysis")
			e.skip(ctx, "report")
			return err
		})
	},
	"permanent": func(ctx context.Context, e *engine) {
		e.run(ctx, "demo", func(ctx context.Context) error {
			err := e.phase(ctx, "data_preparation", call{lasts: ms(4), does: func(ctx context.Context) error {
				return e.operation(ctx, "fetch_catalogue", semconv.OutcomePermanent,
					call{lasts: ms(21), fails: "row 4711: price: strconv.ParseFloat: parsing \"12,5\": invalid syntax"})
			}})
			e.skip(ctx, "analysis")
			return err
		})
	},
	"cancelled": func(ctx context.Context, e *engine) {
		e.run(ctx, "demo", func(ctx context.Context) error {
			return e.phase(ctx, "data_preparation", call{lasts: ms(4), does: func(ctx context.Context) error {
				f := scope.From(ctx)
				opCtx, op := e.start(ctx, f, semconv.KindOperation, "fetch_catalogue")
				_, attempt := e.start(opCtx, f, semconv.KindAttempt, "attempt 1")
				pass(ms(120))
				e.endTry(attempt, errors.New(refused), true, ms(8000), []attribute.KeyValue{semconv.AttemptKey.Int(1)})
				pass(ms(700))
				err := errors.New(refused)
				e.endOperation(op, err, semconv.OutcomeCancelled, 1, ms(8000))
				return fmt.Errorf("fetch_catalogue: gave up after 1 attempts: %w", err)
			}})
		})
	},
	"long": func(ctx context.Context, e *engine) {
		e.run(ctx, "crawl", func(ctx context.Context) error {
			return e.phase(ctx, "fetch", call{lasts: ms(5), does: func(ctx context.Context) error {
				for i := range 40 {
					calls := []call{{lasts: ms(20 + i)}}
					if i == 17 {
						calls = nil
						for range 41 {
							calls = append(calls, call{lasts: ms(30), fails: unavailable, wait: ms(1000)})
						}
						calls = append(calls, call{lasts: ms(20)})
					}
					if err := e.operation(ctx, "page", "", calls...); err != nil {
						return err
					}
				}
				return nil
			}})
		})
	},
	"phases": func(ctx context.Context, e *engine) {
		e.run(ctx, "nightly", func(ctx context.Context) error {
			for i := range 20 {
				lasts := ms(20)
				if i == 4 || i == 11 || i == 15 {
					lasts = ms(300 + i)
				}
				if err := e.phase(ctx, fmt.Sprintf("phase_%02d", i), call{lasts: lasts}); err != nil {
					return err
				}
			}
			return nil
		})
	},
	"fallback": func(ctx context.Context, e *engine) {
		e.run(ctx, "demo", func(ctx context.Context) error {
			f := scope.From(ctx)
			f.Phase = "data_preparation"
			ctx, phase := e.start(ctx, f, semconv.KindPhase, f.Phase)
			for i, name := range []string{"attempt 1", "recovery 1", "fallback"} {
				kind, err, next := semconv.KindRecovery, errors.New(unavailable), time.Duration(0)
				switch i {
				case 0:
					kind, next = semconv.KindAttempt, ms(400)
				case 2:
					kind, err = semconv.KindFallback, nil
				}
				_, try := e.start(ctx, f, kind, name)
				pass(ms(70))
				e.endTry(try, err, next > 0, next, []attribute.KeyValue{semconv.AttemptKey.Int(max(1, i))})
				pass(next)
			}
			phase.SetAttributes(semconv.PhaseStatusKey.String(semconv.StatusSuccess),
				semconv.RecoveryAttemptedKey.Bool(true), semconv.RecoverySuccessKey.Bool(false),
				semconv.RecoveryAttemptsKey.Int(1),
				semconv.PhaseFallbackKey.Bool(true))
			phase.End()
			return nil
		})
	},
	"hostile": func(ctx context.Context, e *engine) {
		e.run(ctx, "run\x1b[2J\x1b]0;owned\x07 of\x00 evil\u202e", func(ctx context.Context) error {
			var errs []error
			for _, text := range []string{
				"line 1\nline 2\r\x1b[1A\x1b[2Koverwritten", "接続が拒否されました: サーバーが応答していません。もう一度お試しください",
				"👨\u200d👩\u200d👧 family 🇩🇪 flag 👍🏽 thumb ❤\ufe0f heart", "\u202egnp.exe\u202c and \u2066isolated",
				"\xff\xfe invalid \xe4\xb8", strings.Repeat("very long ", 10_000),
				"e" + strings.Repeat("\u0301", 1000) + " zalgo",
				"שלום עולם 123: השרת לא זמין", "tab\tbell\a nul\x00 del\x7f c1\u009b31m", "",
			} {
				name := text
				if name == "" {
					name = " "
				}
				errs = append(errs, e.operation(ctx, name, semconv.OutcomeExhausted,
					call{lasts: ms(33), fails: text + " ", wait: ms(47)}, call{lasts: ms(33), fails: text + " "}))
			}
			return errors.Join(errs...)
		})
	},
	"nested": func(ctx context.Context, e *engine) {
		err := e.operation(ctx, "sync_accounts", semconv.OutcomeExhausted,
			call{lasts: ms(3), wait: ms(2000), does: func(ctx context.Context) error {
				return e.operation(ctx, "list_accounts", semconv.OutcomeExhausted,
					call{lasts: ms(100), fails: refused, wait: ms(300)}, call{lasts: ms(100), fails: refused})
			}},
			call{lasts: ms(3), does: func(ctx context.Context) error {
				return e.operation(ctx, "list_accounts", "",
					call{lasts: ms(100), fails: refused, wait: ms(300)}, call{lasts: ms(100)})
			}})
		if err != nil {
			e.t.Errorf("nested: %v", err)
		}
	},
}
