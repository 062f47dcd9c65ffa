-- As text, so that a call's arguments keep their order: providers find what they have cached by the very text of the beginning.
alter table conversation alter column message type json using message::json;
