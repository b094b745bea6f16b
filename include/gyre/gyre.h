/*
 * Everything that gyre offers, in the order in which it builds on itself.
 */
#ifndef GYRE_GYRE_H
#define GYRE_GYRE_H

#include <gyre/base.h>
#include <gyre/version.h>
#include <gyre/histogram.h>
#include <gyre/task.h>
#include <gyre/future.h>
#include <gyre/outbox.h>
#include <gyre/port.h>
#include <gyre/bus.h>
#include <gyre/topic.h>
#include <gyre/job.h>
#include <gyre/pool.h>
#include <gyre/poller.h>
#include <gyre/handler.h>
#include <gyre/timeout.h>
#include <gyre/loop.h>
#include <gyre/embedding.h>
#include <gyre/periodic.h>
#include <gyre/signal.h>
#include <gyre/runtime.h>
#include <gyre/plan.h>
#include <gyre/simulation.h>
#include <gyre/shard_map.h>
#include <gyre/statistics.h>
#include <gyre/listener.h>
#include <gyre/inherit.h>
#include <gyre/net.h>
#include <gyre/stream_read.h>
#include <gyre/stream_write.h>
#include <gyre/resolve.h>
#include <gyre/stream_connect.h>
#include <gyre/transport.h>
#include <gyre/stream_move.h>
#include <gyre/datagram.h>

#endif
