#include "net/kafka/messages/list_groups.h"

#include <algorithm>
#include <cctype>

#include "net/kafka/handlers.h"
#include "net/kafka/server.h"

namespace penstock::kafka {
namespace {

bool same_without_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// No filter lets everything pass.
bool passes(const std::vector<std::string_view>& filter, std::string_view text) {
  return filter.empty() || std::ranges::any_of(filter, [text](std::string_view one) {
           return same_without_case(one, text);
         });
}

}  // namespace

Task<Result<Answer>> handle_list_groups(Request& request) {
  const Result<ListGroupsRequest> body = body_of<ListGroupsRequest>(request);
  if (!body.ok()) co_return body.error();
  const GroupCoordinator::ListAnswer listed = co_await request.server.groups().list();
  ListGroupsResponse response;
  response.error_code = listed.error;
  for (const ListedGroup& group : listed.groups) {
    if (!passes(body.value().states_filter, group.state)) continue;
    if (!passes(body.value().types_filter, group.type)) continue;
    response.groups.push_back({group.id, group.protocol_type, group.state, group.type});
  }
  co_return answer_with(request, response);
}

}  // namespace penstock::kafka
