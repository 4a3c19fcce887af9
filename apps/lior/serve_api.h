// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The paths of `lior serve`: who may ask, what is answered, what is counted.

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "serve_engine.h"
#include "serve_http.h"
#include "serve_request.h"

namespace lior::app {

struct ApiOptions {
  std::string model;  ///< its name
  std::string key;    ///< empty: everybody who can connect may ask
  RequestLimits limits;
  std::chrono::seconds timeout{600};  ///< of a whole answer
  std::function<std::size_t()> connections = [] { return std::size_t{0}; };
};

/// One instance serves all requests, from the server's thread; answers end on the engine's.
class Api {
 public:
  Api(const train::TrainedModel& trained, Engine& engine, ApiOptions options);

  void answer(HttpRequest request, const std::shared_ptr<HttpAnswer>& answer);

  void set_connections(std::function<std::size_t()> connections);

 private:
  void route(const HttpRequest& request, const std::string& path,
             const std::shared_ptr<HttpAnswer>& answer);
  void check_who_asks(const HttpRequest& request, const std::string& path) const;
  void write_text(Endpoint endpoint, const HttpRequest& request, const std::string& path,
                  const std::shared_ptr<HttpAnswer>& answer);
  void send(const std::string& path, HttpAnswer& answer, int status, std::string_view type,
            std::string body);
  void count(const std::string& path, int status);
  std::string metrics() const;

  const train::TrainedModel& trained_;
  Engine& engine_;
  ApiOptions options_;
  std::int64_t started_;
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::int64_t> counts_;  // by path and status
};

/// The page to type into: HTML (serve_page.html).
std::string_view serve_page();

}  // namespace lior::app
