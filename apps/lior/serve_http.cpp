// SPDX-License-Identifier: Apache-2.0
#include "serve_http.h"

#include <sys/socket.h>

#include <coroutine>  // IWYU pragma: keep
#include <utility>    // std::exchange, which Asio's coroutines use without it

#ifdef __clang__  // whose standard coroutines Asio 1.74 does not know of
#define BOOST_ASIO_HAS_CO_AWAIT 1
#define BOOST_ASIO_HAS_STD_COROUTINE 1
#endif

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>  // IWYU pragma: keep
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>  // IWYU pragma: keep
#include <boost/beast/http.hpp>  // IWYU pragma: keep

#include <atomic>
#include <list>
#include <mutex>
#include <thread>

#include "lior/core/error.h"
#include "lior/core/text.h"
#include "lior/core/version.h"

// Asio's calls that take an error return it as well.
// NOLINTBEGIN(bugprone-unused-return-value)
namespace lior::app {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;

constexpr auto kLook = 500ms;  // how often a waiting answer looks whether its client is still there
constexpr std::size_t kMostWaiting = std::size_t{1} << 20;  // bytes that a client may be behind

std::string server_name() { return fmt::format("lior/{}", version()); }

auto into(error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

/// The answer as its connection sees it: what to write next.
class Answer : public HttpAnswer, public std::enable_shared_from_this<Answer> {
 public:
  explicit Answer(const asio::any_io_executor& executor) : executor_(executor), wake_(executor) {
    wake_.expires_at(asio::steady_timer::time_point::max());
  }

  void send(int status, std::string_view type, std::string body) override {
    change([&] { status_ = status, type_ = type, waiting_ = std::move(body), ended_ = true; });
  }
  void begin(std::string_view type) override {
    change([&] { status_ = 200, type_ = type, in_pieces_ = true; });
  }
  void push(std::string piece) override {
    change([&] { waiting_ += piece; });
  }
  void end() override {
    change([&] { ended_ = true; });
  }
  bool gone() const override { return gone_; }
  bool behind() const override {
    const std::lock_guard lock(mutex_);
    return waiting_.size() > kMostWaiting;
  }

  struct Next {
    int status = 0;  ///< 0: nothing is known yet
    bool in_pieces = false, ended = false;
    std::string type, text;
  };
  Next take() {
    const std::lock_guard lock(mutex_);
    return {status_, in_pieces_, ended_, type_, std::exchange(waiting_, {})};
  }
  void leave() { gone_ = true; }

  /// Until something changes, or kLook has passed.
  asio::awaitable<void> changed() {
    if (!std::exchange(changed_, false)) {
      error_code ignored;
      wake_.expires_after(kLook);
      co_await wake_.async_wait(into(ignored));
      changed_ = false;
    }
  }

 private:
  template <class Change>
  void change(const Change& change) {
    {
      const std::lock_guard lock(mutex_);
      change();
    }
    asio::post(executor_, [self = shared_from_this()] {
      self->changed_ = true;
      self->wake_.cancel();
    });
  }

  asio::any_io_executor executor_;
  asio::steady_timer wake_;  // of the server's thread alone, as is changed_
  bool changed_ = false;
  std::atomic<bool> gone_ = false;
  mutable std::mutex mutex_;
  int status_ = 0;
  bool in_pieces_ = false, ended_ = false;
  std::string type_, waiting_;
};

/// Whether the other side has closed: what it sent before stays where it is.
bool has_closed(tcp::socket& socket) {
  char byte = 0;
  const ssize_t got = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

http::response<http::string_body> whole(int status, const std::string& type, std::string body,
                                        unsigned version, bool keep) {
  http::response<http::string_body> response{static_cast<http::status>(status), version};
  response.set(http::field::server, server_name());
  response.set(http::field::content_type, type);
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  response.keep_alive(keep);
  response.body() = std::move(body);
  response.prepare_payload();
  return response;
}

}  // namespace

struct HttpServer::State {
  State(HttpLimits limits, Handler handler, ErrorBody error_body)
      : limits(limits), handler(std::move(handler)), error_body(std::move(error_body)) {}

  struct Connection {
    explicit Connection(tcp::socket socket) : stream(std::move(socket)) {}
    beast::tcp_stream stream;
    beast::flat_buffer buffer;
    bool answering = false;
  };

  void listen(const std::string& host, int port, bool loopback_only);
  asio::awaitable<void> accept();
  asio::awaitable<void> serve(std::shared_ptr<Connection> connection);
  asio::awaitable<bool> serve_one(Connection& connection, bool first);
  asio::awaitable<bool> read(Connection& connection, http::request_parser<http::string_body>& in);
  asio::awaitable<bool> write(Connection& connection, Answer& answer, unsigned version, bool keep);
  asio::awaitable<void> refuse(Connection& connection, int status, std::string message);

  HttpLimits limits;
  Handler handler;
  ErrorBody error_body;
  asio::io_context context{1};
  tcp::acceptor acceptor{context};
  std::string address;
  std::atomic<std::size_t> open = 0;
  std::list<std::weak_ptr<Connection>> connections;  // of the server's thread alone
  bool stopping = false;                             // likewise
  std::thread thread;
};

void HttpServer::State::listen(const std::string& host, int port, bool loopback_only) {
  error_code error;
  const auto found =
      tcp::resolver(context).resolve(host, std::to_string(port), tcp::resolver::passive, error);
  LIOR_CHECK(!error, "--host {}: is no address of this machine ({})", shown(host), error.message());
  const tcp::endpoint endpoint = *found.begin();
  LIOR_CHECK(!loopback_only || endpoint.address().is_loopback(),
             "--host {}: others can reach it, so it needs a key: give --api-key, or set "
             "LIOR_API_KEY; without a key it listens on 127.0.0.1 only",
             shown(host));
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  LIOR_CHECK(!error,
             "--host {} --port {}: cannot listen there ({}); give another port, or 0 for a "
             "free one",
             shown(host), port, error.message());
  const tcp::endpoint bound = acceptor.local_endpoint();
  const std::string name = bound.address().to_string();
  address = fmt::format("{}:{}", bound.address().is_v6() ? "[" + name + "]" : name, bound.port());
}

asio::awaitable<void> HttpServer::State::accept() {
  while (!stopping) {
    error_code error;
    tcp::socket socket = co_await acceptor.async_accept(into(error));
    if (stopping) break;
    if (error) {  // no file descriptor left, or a client that left at once
      error_code ignored;
      asio::steady_timer pause(context, 50ms);
      co_await pause.async_wait(into(ignored));
      continue;
    }
    auto connection = std::make_shared<Connection>(std::move(socket));
    connections.remove_if([](const auto& weak) { return weak.expired(); });
    connections.push_back(connection);
    asio::co_spawn(context, serve(std::move(connection)), asio::detached);
  }
}

asio::awaitable<void> HttpServer::State::serve(std::shared_ptr<Connection> connection) {
  const std::size_t before = open++;
  try {
    if (before >= limits.connections) {
      co_await refuse(*connection, 503, "too many connections");
    } else {
      bool first = true;
      while (co_await serve_one(*connection, first)) first = false;
    }
  } catch (const std::exception&) {
    connection->stream.close();  // it fails, and takes nothing else with it
  }
  --open;
  error_code ignored;
  connection->stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
}

/// Reads a request. False: the connection is at its end, and what there was to say was said.
asio::awaitable<bool> HttpServer::State::read(Connection& connection,
                                              http::request_parser<http::string_body>& in) {
  error_code error;
  co_await http::async_read_header(connection.stream, connection.buffer, in, into(error));
  if (!error && in.get()[http::field::expect] == "100-continue") {
    http::response<http::empty_body> go_on{http::status::continue_, in.get().version()};
    co_await http::async_write(connection.stream, go_on, into(error));
  }
  if (!error) co_await http::async_read(connection.stream, connection.buffer, in, into(error));
  if (!error) co_return true;
  if (error == http::error::body_limit) {
    co_await refuse(connection, 413, fmt::format("the body is larger than {} bytes", limits.body));
  } else if (error == http::error::header_limit) {
    co_await refuse(connection, 431,
                    fmt::format("the header is larger than {} bytes", limits.header));
  } else if (error == beast::error::timeout) {
    connection.stream.close();  // a slow client, or an idle one
  } else if (error.category() == make_error_code(http::error::bad_method).category() &&
             error != http::error::end_of_stream && error != http::error::partial_message) {
    co_await refuse(connection, 400, "bad HTTP: " + error.message());
  }
  co_return false;
}

/// One request and its answer. False: the last one of the connection.
asio::awaitable<bool> HttpServer::State::serve_one(Connection& connection, bool first) {
  http::request_parser<http::string_body> in;
  in.header_limit(static_cast<std::uint32_t>(limits.header));
  in.body_limit(limits.body);
  connection.stream.expires_after(first ? limits.request : limits.idle);
  if (!first) {  // the time for a request counts from its first byte
    error_code error;
    if (connection.buffer.size() == 0) {
      const std::size_t got =
          co_await connection.stream.async_read_some(connection.buffer.prepare(4096), into(error));
      if (error) co_return false;
      connection.buffer.commit(got);
    }
    connection.stream.expires_after(limits.request);
  }
  if (!co_await read(connection, in)) co_return false;
  connection.stream.expires_never();
  if (stopping) co_return false;

  auto& message = in.get();
  const auto field = [&](http::field name) { return std::string(message[name]); };
  const unsigned version = message.version();
  const bool keep = message.keep_alive();
  HttpRequest request{std::string(message.method_string()),
                      std::string(message.target()),
                      field(http::field::authorization),
                      field(http::field::host),
                      field(http::field::origin),
                      field(http::field::content_type),
                      std::move(message.body())};
  const auto answer = std::make_shared<Answer>(context.get_executor());
  connection.answering = true;
  handler(std::move(request), answer);
  const bool more = co_await write(connection, *answer, version, keep);
  connection.answering = false;
  co_return more&& keep && !stopping;
}

/// Writes the answer as it comes. False: the client has left.
asio::awaitable<bool> HttpServer::State::write(Connection& connection, Answer& answer,
                                               unsigned version, bool keep) {
  beast::tcp_stream& stream = connection.stream;
  const bool chunked = version >= 11;
  bool begun = false;
  error_code error;
  while (!error) {
    Answer::Next next = answer.take();
    if (next.text.empty() && !next.ended && (begun || !next.in_pieces)) {
      if (has_closed(stream.socket())) break;
      co_await answer.changed();
      continue;
    }
    stream.expires_after(limits.write);
    if (!next.in_pieces) {
      auto response = whole(next.status, next.type, std::move(next.text), version, keep);
      co_await http::async_write(stream, response, into(error));
      if (error) break;
      co_return true;
    }
    if (!begun) {
      begun = true;
      http::response<http::empty_body> head{http::status::ok, version};
      head.set(http::field::server, server_name());
      head.set(http::field::content_type, next.type);
      head.set(http::field::cache_control, "no-store");
      head.keep_alive(keep && chunked);
      head.chunked(chunked);
      http::response_serializer<http::empty_body> serializer{head};
      co_await http::async_write_header(stream, serializer, into(error));
    }
    if (!error && !next.text.empty()) {
      const asio::const_buffer text = asio::buffer(next.text);
      if (chunked) {
        co_await asio::async_write(stream, http::make_chunk(text), into(error));
      } else {
        co_await asio::async_write(stream, text, into(error));
      }
    }
    if (!error && next.ended) {
      if (chunked) co_await asio::async_write(stream, http::make_chunk_last(), into(error));
      if (error) break;
      co_return chunked;
    }
  }
  answer.leave();
  co_return false;
}

/// Answers and closes. What the client still sends is read and dropped for a moment, or the reset
/// that closing causes would take the answer from it.
asio::awaitable<void> HttpServer::State::refuse(Connection& connection, int status,
                                                std::string message) {
  error_code error;
  auto response = whole(status, "application/json", error_body(status, message), 11, false);
  connection.stream.expires_after(5s);
  co_await http::async_write(connection.stream, response, into(error));
  if (error) co_return;
  connection.stream.socket().shutdown(tcp::socket::shutdown_send, error);
  char dropped[4096];
  for (std::size_t read = 0; !error && read < 4 * limits.body;) {
    read += co_await connection.stream.async_read_some(asio::buffer(dropped), into(error));
  }
}

HttpServer::HttpServer(const std::string& host, int port, bool loopback_only,
                       const HttpLimits& limits, Handler handler, ErrorBody error_body)
    : state_(std::make_unique<State>(limits, std::move(handler), std::move(error_body))) {
  state_->listen(host, port, loopback_only);
  asio::co_spawn(state_->context, state_->accept(), asio::detached);
  state_->thread = std::thread([state = state_.get()] { state->context.run(); });
}

HttpServer::~HttpServer() { stop(0ms); }

const std::string& HttpServer::address() const { return state_->address; }
std::size_t HttpServer::connections() const { return state_->open; }

void HttpServer::stop(std::chrono::milliseconds grace) {
  if (!state_->thread.joinable()) return;
  asio::post(state_->context, [state = state_.get()] {
    state->stopping = true;
    error_code ignored;
    state->acceptor.close(ignored);
    for (const auto& weak : state->connections) {
      const auto connection = weak.lock();
      if (connection && !connection->answering) connection->stream.close();
    }
  });
  const auto end = std::chrono::steady_clock::now() + grace;
  while (state_->open > 0 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(10ms);
  }
  state_->context.stop();
  state_->thread.join();
}

}  // namespace lior::app
// NOLINTEND(bugprone-unused-return-value)
