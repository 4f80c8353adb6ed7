
/*
 * Copyright (C) the ngx_http_chat_module authors
 */


#include "ngx_http_chat_assets.h"
#include "ngx_http_chat_auth.h"
#include "ngx_http_chat_endpoint.h"
#include "ngx_http_chat_file.h"
#include "ngx_http_chat_route.h"
#include "ngx_http_chat_status.h"
#include "ngx_http_chat_ticket.h"


/* a text of 16,384 bytes may be escaped as six characters a byte */
#define NGX_HTTP_CHAT_MESSAGE_BODY   (64 * 1024)
#define NGX_HTTP_CHAT_SMALL_BODY     (8 * 1024)


ngx_http_chat_route_t  ngx_http_chat_routes[] = {

    { NGX_HTTP_GET, "/w.js",
      NGX_HTTP_CHAT_VISITOR, NGX_HTTP_CHAT_ANYONE, NGX_HTTP_CHAT_PUBLIC, 0,
      ngx_http_chat_assets_loader, "loader" },

    { NGX_HTTP_GET, "/assets/{name}",
      NGX_HTTP_CHAT_MEMBER, NGX_HTTP_CHAT_ANYONE, NGX_HTTP_CHAT_PUBLIC, 0,
      ngx_http_chat_assets_file, "asset" },

    { NGX_HTTP_GET, "/console/",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_ANYONE, NGX_HTTP_CHAT_PUBLIC, 0,
      ngx_http_chat_assets_console, "console" },

    { NGX_HTTP_GET, "/console",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_ANYONE, NGX_HTTP_CHAT_PUBLIC, 0,
      ngx_http_chat_assets_console, "console" },

    { NGX_HTTP_GET, "/v1/live",
      NGX_HTTP_CHAT_MEMBER, NGX_HTTP_CHAT_ANYONE, 0, 0,
      ngx_http_chat_status_live, "live" },

    { NGX_HTTP_GET, "/v1/ready",
      NGX_HTTP_CHAT_MEMBER, NGX_HTTP_CHAT_ANYONE, 0, 0,
      ngx_http_chat_status_ready, "ready" },

    { NGX_HTTP_POST, "/v1/session",
      NGX_HTTP_CHAT_VISITOR, NGX_HTTP_CHAT_ANYONE,
      NGX_HTTP_CHAT_BODY_OPT|NGX_HTTP_CHAT_SIGN_IN, NGX_HTTP_CHAT_SMALL_BODY,
      ngx_http_chat_visitor_session, "session" },

    { NGX_HTTP_PATCH, "/v1/session",
      NGX_HTTP_CHAT_VISITOR, NGX_HTTP_CHAT_VISITOR,
      NGX_HTTP_CHAT_BODY, NGX_HTTP_CHAT_MESSAGE_BODY,
      ngx_http_chat_session_put, "contact" },

    { NGX_HTTP_DELETE, "/v1/session",
      NGX_HTTP_CHAT_VISITOR, NGX_HTTP_CHAT_VISITOR, 0, 0,
      ngx_http_chat_session_end, "session_end" },

    { NGX_HTTP_POST, "/v1/track",
      NGX_HTTP_CHAT_VISITOR, NGX_HTTP_CHAT_VISITOR,
      NGX_HTTP_CHAT_BODY|NGX_HTTP_CHAT_ARRAY, NGX_HTTP_CHAT_MESSAGE_BODY,
      ngx_http_chat_session_track, "track" },

    { NGX_HTTP_POST, "/v1/agent/session",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_ANYONE,
      NGX_HTTP_CHAT_BODY|NGX_HTTP_CHAT_SIGN_IN, NGX_HTTP_CHAT_SMALL_BODY,
      ngx_http_chat_auth_sign_in, "sign_in" },

    { NGX_HTTP_GET, "/v1/agent/session",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT, 0, 0,
      ngx_http_chat_auth_session, "agent_session" },

    { NGX_HTTP_DELETE, "/v1/agent/session",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT, 0, 0,
      ngx_http_chat_auth_sign_out, "sign_out" },

    { NGX_HTTP_POST, "/v1/agent/totp",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT, 0, 0,
      ngx_http_chat_factor_begin, "totp_begin" },

    { NGX_HTTP_POST, "/v1/agent/totp/confirm",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_BODY, NGX_HTTP_CHAT_SMALL_BODY,
      ngx_http_chat_factor_confirm, "totp_confirm" },

    { NGX_HTTP_DELETE, "/v1/agent/totp",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_BODY, NGX_HTTP_CHAT_SMALL_BODY,
      ngx_http_chat_factor_remove, "totp_end" },

    { NGX_HTTP_POST, "/v1/agent/setup",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_ANYONE,
      NGX_HTTP_CHAT_BODY|NGX_HTTP_CHAT_SETUP, NGX_HTTP_CHAT_SMALL_BODY,
      ngx_http_chat_setup, "setup" },

    { NGX_HTTP_DELETE, "/v1/agent/sessions/{id}",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT, 0, 0,
      ngx_http_chat_desk, "session_revoke" },

    { NGX_HTTP_GET, "/v1/agents",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_SCOPE_PEOPLE, 0,
      ngx_http_chat_desk, "agents" },

    { NGX_HTTP_POST, "/v1/agents",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_BODY, NGX_HTTP_CHAT_SMALL_BODY,
      ngx_http_chat_desk, "agent_create" },

    { NGX_HTTP_GET, "/v1/agents/{id}",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_SCOPE_PEOPLE, 0,
      ngx_http_chat_desk, "agent" },

    { NGX_HTTP_PATCH, "/v1/agents/{id}",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_BODY, NGX_HTTP_CHAT_SMALL_BODY,
      ngx_http_chat_desk, "agent_change" },

    { NGX_HTTP_POST, "/v1/agents/{id}/setup",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT, 0, 0,
      ngx_http_chat_desk, "agent_invite" },

    { NGX_HTTP_DELETE, "/v1/agents/{id}/totp",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT, 0, 0,
      ngx_http_chat_factor_reset, "totp_reset" },

    { NGX_HTTP_GET, "/v1/agents/{id}/sessions",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT, 0, 0,
      ngx_http_chat_desk, "sessions" },

    { NGX_HTTP_DELETE, "/v1/agents/{id}/sessions",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT, 0, 0,
      ngx_http_chat_desk, "sessions_end" },

    { NGX_HTTP_GET, "/v1/teams",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_SCOPE_PEOPLE, 0,
      ngx_http_chat_desk, "teams" },

    { NGX_HTTP_POST, "/v1/teams",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_BODY, NGX_HTTP_CHAT_SMALL_BODY,
      ngx_http_chat_desk, "team_create" },

    { NGX_HTTP_PATCH, "/v1/teams/{id}",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_BODY, NGX_HTTP_CHAT_SMALL_BODY,
      ngx_http_chat_desk, "team_change" },

    { NGX_HTTP_DELETE, "/v1/teams/{id}",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT, 0, 0,
      ngx_http_chat_desk, "team_delete" },

    { NGX_HTTP_GET, "/v1/labels",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_SCOPE_SETTINGS, 0,
      ngx_http_chat_desk, "labels" },

    { NGX_HTTP_POST, "/v1/labels",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_BODY|NGX_HTTP_CHAT_SCOPE_CHANGE, NGX_HTTP_CHAT_SMALL_BODY,
      ngx_http_chat_desk, "label_create" },

    { NGX_HTTP_DELETE, "/v1/labels/{id}",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_SCOPE_CHANGE, 0,
      ngx_http_chat_desk, "label_delete" },

    { NGX_HTTP_GET, "/v1/canned",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_SCOPE_SETTINGS, 0,
      ngx_http_chat_desk, "canned" },

    { NGX_HTTP_POST, "/v1/canned",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_BODY|NGX_HTTP_CHAT_SCOPE_CHANGE,
      NGX_HTTP_CHAT_MESSAGE_BODY,
      ngx_http_chat_desk, "canned_create" },

    { NGX_HTTP_PATCH, "/v1/canned/{id}",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_BODY|NGX_HTTP_CHAT_SCOPE_CHANGE,
      NGX_HTTP_CHAT_MESSAGE_BODY,
      ngx_http_chat_desk, "canned_change" },

    { NGX_HTTP_DELETE, "/v1/canned/{id}",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_SCOPE_CHANGE, 0,
      ngx_http_chat_desk, "canned_delete" },

    { NGX_HTTP_GET, "/v1/site",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_SCOPE_SETTINGS, 0,
      ngx_http_chat_desk, "site" },

    { NGX_HTTP_PATCH, "/v1/site",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_BODY|NGX_HTTP_CHAT_SCOPE_CHANGE,
      NGX_HTTP_CHAT_MESSAGE_BODY,
      ngx_http_chat_desk, "site_change" },

    { NGX_HTTP_GET, "/v1/site/keys",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT, 0, 0,
      ngx_http_chat_desk, "site_keys" },

    { NGX_HTTP_POST, "/v1/site/keys",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_BODY, NGX_HTTP_CHAT_SMALL_BODY,
      ngx_http_chat_desk, "site_key_create" },

    { NGX_HTTP_DELETE, "/v1/site/keys/{id}",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT, 0, 0,
      ngx_http_chat_desk, "site_key_revoke" },

    { NGX_HTTP_GET, "/v1/keys",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT, 0, 0,
      ngx_http_chat_desk, "keys" },

    { NGX_HTTP_POST, "/v1/keys",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_BODY, NGX_HTTP_CHAT_SMALL_BODY,
      ngx_http_chat_desk, "key_create" },

    { NGX_HTTP_DELETE, "/v1/keys/{id}",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT, 0, 0,
      ngx_http_chat_desk, "key_revoke" },

    { NGX_HTTP_PATCH, "/v1/visitors/{id}",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_BODY|NGX_HTTP_CHAT_SCOPE_VISITORS,
      NGX_HTTP_CHAT_SMALL_BODY,
      ngx_http_chat_desk, "visitor_change" },

    { NGX_HTTP_GET, "/v1/audit",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_SCOPE_AUDIT, 0,
      ngx_http_chat_desk, "audit" },

    { NGX_HTTP_GET, "/v1/mentions",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT, 0, 0,
      ngx_http_chat_conversation_mentions, "mentions" },

    { NGX_HTTP_GET, "/v1/conversations",
      NGX_HTTP_CHAT_MEMBER, NGX_HTTP_CHAT_MEMBER,
      NGX_HTTP_CHAT_SCOPE_READ, 0,
      ngx_http_chat_conversation_list, "list" },

    { NGX_HTTP_POST, "/v1/conversations",
      NGX_HTTP_CHAT_VISITOR, NGX_HTTP_CHAT_VISITOR,
      NGX_HTTP_CHAT_BODY, NGX_HTTP_CHAT_MESSAGE_BODY,
      ngx_http_chat_visitor_create, "create" },

    { NGX_HTTP_GET, "/v1/conversations/{id}",
      NGX_HTTP_CHAT_MEMBER, NGX_HTTP_CHAT_MEMBER,
      NGX_HTTP_CHAT_SCOPE_READ, 0,
      ngx_http_chat_conversation_get, "get" },

    { NGX_HTTP_PATCH, "/v1/conversations/{id}",
      NGX_HTTP_CHAT_MEMBER, NGX_HTTP_CHAT_MEMBER,
      NGX_HTTP_CHAT_BODY|NGX_HTTP_CHAT_SCOPE_WRITE,
      NGX_HTTP_CHAT_MESSAGE_BODY,
      ngx_http_chat_conversation_change, "change" },

    { NGX_HTTP_GET, "/v1/conversations/{id}/events",
      NGX_HTTP_CHAT_MEMBER, NGX_HTTP_CHAT_MEMBER,
      NGX_HTTP_CHAT_SCOPE_READ, 0,
      ngx_http_chat_conversation_events, "events" },

    { NGX_HTTP_POST, "/v1/conversations/{id}/messages",
      NGX_HTTP_CHAT_MEMBER, NGX_HTTP_CHAT_MEMBER,
      NGX_HTTP_CHAT_BODY|NGX_HTTP_CHAT_SCOPE_WRITE, NGX_HTTP_CHAT_MESSAGE_BODY,
      ngx_http_chat_conversation_send, "send" },

    { NGX_HTTP_PATCH, "/v1/conversations/{id}/messages/{name}",
      NGX_HTTP_CHAT_MEMBER, NGX_HTTP_CHAT_MEMBER,
      NGX_HTTP_CHAT_BODY, NGX_HTTP_CHAT_MESSAGE_BODY,
      ngx_http_chat_edit, "edit" },

    { NGX_HTTP_DELETE, "/v1/conversations/{id}/messages/{name}",
      NGX_HTTP_CHAT_MEMBER, NGX_HTTP_CHAT_MEMBER, 0, 0,
      ngx_http_chat_edit_redact, "redact" },

    { NGX_HTTP_GET, "/v1/conversations/{id}/messages/{name}/history",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT, 0, 0,
      ngx_http_chat_edit_history, "history" },

    { NGX_HTTP_POST, "/v1/conversations/{id}/responses",
      NGX_HTTP_CHAT_VISITOR, NGX_HTTP_CHAT_VISITOR,
      NGX_HTTP_CHAT_BODY, NGX_HTTP_CHAT_MESSAGE_BODY,
      ngx_http_chat_respond, "respond" },

    { NGX_HTTP_POST, "/v1/conversations/{id}/read",
      NGX_HTTP_CHAT_MEMBER, NGX_HTTP_CHAT_MEMBER,
      NGX_HTTP_CHAT_BODY|NGX_HTTP_CHAT_SCOPE_WRITE, NGX_HTTP_CHAT_SMALL_BODY,
      ngx_http_chat_conversation_read, "read" },

    { NGX_HTTP_POST, "/v1/conversations/{id}/typing",
      NGX_HTTP_CHAT_MEMBER, NGX_HTTP_CHAT_MEMBER,
      NGX_HTTP_CHAT_BODY|NGX_HTTP_CHAT_SCOPE_WRITE, NGX_HTTP_CHAT_SMALL_BODY,
      ngx_http_chat_conversation_typing, "typing" },

    { NGX_HTTP_GET, "/v1/visitors/{id}/conversations",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_SCOPE_READ, 0,
      ngx_http_chat_customer_conversations, "customer_conversations" },

    { NGX_HTTP_GET, "/v1/visitors/{id}/track",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_SCOPE_READ, 0,
      ngx_http_chat_customer_track, "customer_track" },

    { NGX_HTTP_POST, "/v1/visitors/{id}/block",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_SCOPE_VISITORS, 0,
      ngx_http_chat_customer_block, "block" },

    { NGX_HTTP_DELETE, "/v1/visitors/{id}/block",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT,
      NGX_HTTP_CHAT_SCOPE_VISITORS, 0,
      ngx_http_chat_customer_block, "unblock" },

    { NGX_HTTP_DELETE, "/v1/visitors/{id}",
      NGX_HTTP_CHAT_AGENT, NGX_HTTP_CHAT_AGENT, 0, 0,
      ngx_http_chat_customer_erase, "erase" },

    { NGX_HTTP_PUT, "/v1/attachments/{name}",
      NGX_HTTP_CHAT_MEMBER, NGX_HTTP_CHAT_MEMBER,
      NGX_HTTP_CHAT_FILE|NGX_HTTP_CHAT_SCOPE_WRITE, 0,
      ngx_http_chat_file_put, "upload" },

    { NGX_HTTP_GET, "/v1/attachments/{id}",
      NGX_HTTP_CHAT_MEMBER, NGX_HTTP_CHAT_MEMBER,
      NGX_HTTP_CHAT_SHOWN|NGX_HTTP_CHAT_SCOPE_READ, 0,
      ngx_http_chat_file_get, "attachment" },

    { NGX_HTTP_POST, "/v1/ticket",
      NGX_HTTP_CHAT_MEMBER, NGX_HTTP_CHAT_MEMBER,
      NGX_HTTP_CHAT_BODY_OPT, NGX_HTTP_CHAT_SMALL_BODY,
      ngx_http_chat_ticket, "ticket" },

    { NGX_HTTP_GET, "/v1/stream",
      NGX_HTTP_CHAT_MEMBER, NGX_HTTP_CHAT_MEMBER,
      NGX_HTTP_CHAT_STREAM, 0,
      ngx_http_chat_stream, "stream" },

    { 0, NULL, 0, 0, 0, 0, NULL, NULL }
};
