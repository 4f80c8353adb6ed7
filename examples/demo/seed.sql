-- The agents of the demo.  Their passwords are in the documentation, that
-- is to say public: agent@example.com signs in with demo-agent-password,
-- admin@example.com with demo-admin-password.

SELECT chat.agent_put_1('default', 'agent@example.com', 'Dana', 'agent',
    '$scrypt$ln=15,r=8,p=3$0x1Bz90xOYW9RLWsrfUmgA'
    '$8VbJmnYB1G0JzpNlOH8LON/OJQ2lrgGlwfr+RNHBA2A');

SELECT chat.agent_put_1('default', 'admin@example.com', 'Noa', 'admin',
    '$scrypt$ln=15,r=8,p=3$CGoFk32LBWDo2QhR+HcC3g'
    '$GfT9i/SqbdZ6BASBjAm6B+wFkBVI/zlH3/HTTN41XrI');
