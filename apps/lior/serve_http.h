// SPDX-License-Identifier: Apache-2.0
#pragma once
/// An HTTP/1.1 server on Boost.Beast. One thread of its own serves all connections; what a client
/// sends is bounded before it is read.

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace lior::app {

struct HttpRequest {
  std::string method, target;  ///< GET, /v1/models?x=1
  std::string authorization, host, origin, content_type;
  std::string body;
};

/// The answer to one request. Filled from any thread; what comes after the client left is dropped.
class HttpAnswer {
 public:
  virtual ~HttpAnswer() = default;

  /// The whole answer.
  virtual void send(int status, std::string_view type, std::string body) = 0;
  /// An answer in pieces, status 200: begin, any number of pushes, end.
  virtual void begin(std::string_view type) = 0;
  virtual void push(std::string piece) = 0;
  virtual void end() = 0;

  /// Whether the client has closed, or half closed, its connection.
  virtual bool gone() const = 0;
  /// Whether the client reads more slowly than it is written to: no more should be pushed for now.
  virtual bool behind() const = 0;
};

struct HttpLimits {
  std::size_t body = std::size_t{4} << 20, header = 16384;  ///< bytes
  std::size_t connections = 256;
  std::chrono::seconds request{30};  ///< for a request to arrive
  std::chrono::seconds idle{60};     ///< between requests
  std::chrono::seconds write{30};    ///< for a client to take a piece
};

class HttpServer {
 public:
  /// Called on the server's thread: it must not take long, and may keep the answer for later.
  using Handler = std::function<void(HttpRequest, std::shared_ptr<HttpAnswer>)>;
  /// The body of an answer that refuses a request (a body too large, bad HTTP).
  using ErrorBody = std::function<std::string(int status, const std::string& message)>;

  /// Listens at once. `host`: a name or an address; port 0: a free one. Throws lior::Error where it
  /// cannot, or where `host` is not of this machine only and `loopback_only`.
  HttpServer(const std::string& host, int port, bool loopback_only, const HttpLimits& limits,
             Handler handler, ErrorBody error_body);
  ~HttpServer();

  /// Where it listens: 127.0.0.1:8080, [::1]:8080.
  const std::string& address() const;
  /// Connections that are open now.
  std::size_t connections() const;

  /// Takes no more requests, waits until answers that were begun have ended, at most so long, and
  /// closes.
  void stop(std::chrono::milliseconds grace);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lior::app
