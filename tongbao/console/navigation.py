"""What stands in the menu of each area. Titles are messages of the catalogue; who lacks the right does not see the entry."""

from __future__ import annotations

from typing import Final

from tongbao.web.pages import NavGroup, Navigation, NavItem

NAVIGATION: Final[Navigation] = {
    "staff": (
        NavGroup(
            "Today",
            (
                NavItem("Live board", "/staff/board", "payments:read"),
                NavItem("Payments", "/staff/payments", "payments:read"),
                NavItem("Stuck payments", "/staff/stuck", "events:read"),
                NavItem("Approvals", "/staff/approvals", "approvals:read"),
            ),
        ),
        NavGroup(
            "People and shops",
            (
                NavItem("Customers", "/staff/customers", "customers:read"),
                NavItem("Registrations", "/staff/registrations", "customers:read"),
                NavItem("How the app is used", "/staff/journeys", "customers:read"),
                NavItem("Merchants", "/staff/merchants", "merchants:read"),
                NavItem("Help desk", "/staff/help", "help:read"),
                NavItem("Warnings and tips", "/staff/tips", "help:read"),
                NavItem("Privacy", "/staff/privacy", "privacy:read"),
            ),
        ),
        NavGroup(
            "Risk",
            (
                NavItem("Risk at this moment", "/staff/risk", "risk:read"),
                NavItem("Held payments", "/staff/risk/held", "risk:read"),
                NavItem("Restricted customers", "/staff/restrictions", "customers:read"),
                NavItem("Indicators of risk", "/staff/risk/indicators", "risk:read"),
                NavItem("Rules", "/staff/risk/rules", "risk:read"),
                NavItem("Patterns of fraud", "/staff/risk/patterns", "risk:read"),
                NavItem("Lists", "/staff/risk/lists", "risk:read"),
                NavItem("Models", "/staff/risk/models", "risk:read"),
                NavItem("Features", "/staff/risk/features", "risk:read"),
            ),
        ),
        NavGroup(
            "Books",
            (
                NavItem("Trial balance", "/staff/books", "books:read"),
                NavItem("Clearing and settlement", "/staff/clearing", "takings:read"),
                NavItem("Day and calendar", "/staff/day", "day:read"),
                NavItem("Prove the books", "/staff/prove", "books:read"),
            ),
        ),
        NavGroup(
            "Running the bank",
            (
                NavItem("Health", "/staff/health", "events:read"),
                NavItem("Attacks", "/staff/attacks", "events:read"),
                NavItem("Kill switches", "/staff/switches", "switches:read"),
                NavItem("Policy of authorisation", "/staff/policy", "limits:read"),
                NavItem("Parked events", "/staff/events", "events:read"),
                NavItem("Webhook deliveries", "/staff/deliveries", "webhooks:read"),
                NavItem("API keys", "/staff/keys", "keys:read"),
                NavItem("Staff", "/staff/people", "staff:read"),
                NavItem("Settings in force", "/staff/settings", "audit:read"),
                NavItem("Audit", "/staff/audit", "audit:read"),
                NavItem("Who has read personal data", "/staff/readings", "audit:read"),
                NavItem("You at work", "/staff/me"),
            ),
        ),
    ),
    "me": (
        NavGroup(
            "",
            (
                NavItem("Account", "/me"),
                NavItem("Pay", "/me/pay"),
                NavItem("Scan", "/me/scan"),
                NavItem("Transfer", "/me/transfer"),
                NavItem("Records", "/me/payments"),
                NavItem("Statement", "/me/statement"),
                NavItem("Notices", "/me/notices"),
                NavItem("Safety", "/me/safety"),
                NavItem("Help", "/me/help"),
                NavItem("Appearance", "/me/look"),
            ),
        ),
    ),
    "shop": (
        NavGroup(
            "",
            (
                NavItem("Today", "/shop"),
                NavItem("Collect", "/shop/collect", "payments:collect"),
                NavItem("Your code", "/shop/code", "orders:read"),
                NavItem("Payments", "/shop/payments"),
                NavItem("Takings", "/shop/takings"),
                NavItem("Settlements", "/shop/settlements"),
                NavItem("Webhooks", "/shop/webhooks"),
            ),
        ),
    ),
}
