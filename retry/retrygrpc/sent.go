package retrygrpc

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc/stats"
)

// sent is what the stats handler sees of one attempt. Interceptors within ours may make several calls at once.
type sent struct {
	begun   atomic.Int64 // calls that began, resends by gRPC itself not counted
	headers atomic.Bool  // request headers were sent, on a stream that the server may have seen
	resends atomic.Int64 // by gRPC itself
}

type sentKey struct{}

// nothing reports whether it is proved that the server has seen nothing of the attempt. Without the stats handler, or
// when an interceptor made several calls within the attempt, nothing is proved.
func (s *sent) nothing() bool { return s.begun.Load() == 1 && !s.headers.Load() }

// statsHandler notes in the sent of the context what leaves the process.
type statsHandler struct{}

var _ stats.Handler = statsHandler{}

func (statsHandler) HandleRPC(ctx context.Context, event stats.RPCStats) {
	s, ok := ctx.Value(sentKey{}).(*sent)
	if !ok {
		return
	}
	switch event := event.(type) {
	case *stats.Begin:
		if !event.IsTransparentRetryAttempt {
			s.begun.Add(1)
			break
		}
		// gRPC resends only what the server has said, or the connection proves, not to be processed.
		s.resends.Add(1)
		s.headers.Store(false)
	case *stats.OutHeader:
		s.headers.Store(true)
	}
}

func (statsHandler) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (statsHandler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (statsHandler) HandleConn(context.Context, stats.ConnStats)                       {}
