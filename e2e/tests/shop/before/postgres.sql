SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public._sqlx_migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);
CREATE TABLE public.categories (
    id text NOT NULL COLLATE pg_catalog."C",
    slug text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    parent_id text COLLATE pg_catalog."C"
);
CREATE TABLE public.changes (
    "position" bigint NOT NULL,
    transaction xid8 DEFAULT pg_current_xact_id() NOT NULL,
    step bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT changes_kind_check CHECK ((kind = ANY (ARRAY['product'::text, 'product deleted'::text, 'stock'::text, 'categories'::text])))
);
ALTER TABLE public.changes ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.changes_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.leases (
    name text NOT NULL COLLATE pg_catalog."C",
    holder text NOT NULL COLLATE pg_catalog."C",
    until timestamp with time zone NOT NULL
);
CREATE TABLE public.media (
    id text NOT NULL COLLATE pg_catalog."C",
    content_type text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    bytes bytea NOT NULL
);
ALTER TABLE ONLY public.media ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE TABLE public.outbox (
    "position" bigint NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    aggregate_id text NOT NULL COLLATE pg_catalog."C",
    sequence bigint NOT NULL,
    payload bytea NOT NULL
);
ALTER TABLE public.outbox ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.products (
    id text NOT NULL COLLATE pg_catalog."C",
    slug text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    category_id text COLLATE pg_catalog."C",
    currency text NOT NULL,
    content json NOT NULL,
    title_key text NOT NULL COLLATE pg_catalog."C",
    lowest_price bigint NOT NULL,
    words text NOT NULL COLLATE pg_catalog."C",
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT products_status_check CHECK ((status = ANY (ARRAY['active'::text, 'draft'::text, 'archived'::text]))),
    CONSTRAINT products_version_check CHECK ((version > 0))
);
CREATE TABLE public.reservation_lines (
    reservation_id text NOT NULL COLLATE pg_catalog."C",
    variant_id text NOT NULL COLLATE pg_catalog."C",
    quantity integer NOT NULL,
    CONSTRAINT reservation_lines_quantity_check CHECK ((quantity > 0))
);
CREATE TABLE public.reservations (
    id text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    expires_at bigint NOT NULL,
    CONSTRAINT reservations_state_check CHECK ((state = ANY (ARRAY['held'::text, 'sold'::text, 'released'::text, 'expired'::text])))
);
CREATE TABLE public.sequences (
    aggregate_id text NOT NULL COLLATE pg_catalog."C",
    sequence bigint NOT NULL
)
WITH (fillfactor='80');
CREATE TABLE public.stock (
    variant_id text NOT NULL COLLATE pg_catalog."C",
    product_id text NOT NULL COLLATE pg_catalog."C",
    on_hand integer NOT NULL,
    reserved integer DEFAULT 0 NOT NULL,
    removed boolean DEFAULT false NOT NULL,
    CONSTRAINT stock_check CHECK (((0 <= reserved) AND (reserved <= on_hand)))
);
CREATE TABLE public.stock_adjustments (
    variant_id text NOT NULL COLLATE pg_catalog."C",
    actor text NOT NULL COLLATE pg_catalog."C",
    request_id text NOT NULL COLLATE pg_catalog."C",
    delta integer NOT NULL,
    reason text NOT NULL,
    refusal_code text,
    refusal text
);
CREATE TABLE public.stock_movements (
    "position" bigint NOT NULL,
    id text NOT NULL,
    variant_id text NOT NULL COLLATE pg_catalog."C",
    delta integer NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    order_id text,
    created_at bigint NOT NULL
);
ALTER TABLE public.stock_movements ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.stock_movements_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.variants (
    id text NOT NULL COLLATE pg_catalog."C",
    product_id text NOT NULL COLLATE pg_catalog."C",
    "position" bigint NOT NULL,
    sku text,
    option_values json NOT NULL,
    price bigint NOT NULL,
    compare_at_price bigint,
    weight_grams integer,
    image json,
    CONSTRAINT variants_compare_at_price_check CHECK ((compare_at_price >= 0)),
    CONSTRAINT variants_price_check CHECK ((price >= 0)),
    CONSTRAINT variants_weight_grams_check CHECK ((weight_grams >= 0))
);
INSERT INTO public._sqlx_migrations VALUES
	(1, 'catalog', '2026-12-01 02:00:19.305298+00', true, '\x2822858cc3259fa3767838e7575118ab44faf2da6821a4627770e264a782c9261983b85524e555113902fc7b3c74c0f9', 321612879),
	(2, 'leases', '2026-12-01 02:00:19.634507+00', true, '\x3ec0bd20766f3ed11eb83e2da20d949b136583ceb3de6a748730633fb0b3af88c6ae4e9dd4d157b2f991ba9461b5b534', 27234590);
INSERT INTO public.changes OVERRIDING SYSTEM VALUE VALUES
	(1, '95464', 8067231320362330885, 'product', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:21.942863+00'),
	(2, '95468', 5712148303361684574, 'product', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', '2026-12-01 02:00:22.058529+00'),
	(3, '95471', -3676674740144525431, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:22.556622+00'),
	(4, '95474', -8517006243923793235, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:22.576066+00'),
	(5, '95476', -3319367846462620721, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:22.711271+00'),
	(6, '95476', -3319367846462620721, 'stock', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', '2026-12-01 02:00:22.711271+00'),
	(7, '95479', -8635687080532493104, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:22.720509+00'),
	(8, '95479', -8635687080532493104, 'stock', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', '2026-12-01 02:00:22.720509+00'),
	(9, '95481', -2949250714025432660, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:22.890513+00'),
	(10, '95481', -2949250714025432660, 'stock', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', '2026-12-01 02:00:22.890513+00'),
	(11, '95483', -6070792220930602582, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:22.906086+00'),
	(12, '95483', -6070792220930602582, 'stock', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', '2026-12-01 02:00:22.906086+00'),
	(13, '95487', 4782837473518845009, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:23.042574+00'),
	(14, '95487', 4782837473518845009, 'stock', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', '2026-12-01 02:00:23.042574+00'),
	(15, '95491', 5376821197387081404, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:23.071554+00'),
	(16, '95491', 5376821197387081404, 'stock', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', '2026-12-01 02:00:23.071554+00'),
	(17, '95494', -771513145067271211, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:23.247418+00'),
	(18, '95494', -771513145067271211, 'stock', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', '2026-12-01 02:00:23.247418+00'),
	(19, '95497', -8594751270384304220, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:23.263709+00'),
	(20, '95497', -8594751270384304220, 'stock', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', '2026-12-01 02:00:23.263709+00'),
	(21, '95499', 4462453503871384015, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:23.476538+00'),
	(22, '95499', 4462453503871384015, 'stock', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', '2026-12-01 02:00:23.476538+00'),
	(23, '95502', 5966007481769535175, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:23.488059+00'),
	(24, '95502', 5966007481769535175, 'stock', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', '2026-12-01 02:00:23.488059+00'),
	(25, '95504', -3091077237293260846, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:23.642901+00'),
	(26, '95504', -3091077237293260846, 'stock', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', '2026-12-01 02:00:23.642901+00'),
	(27, '95507', 3803904066374887146, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:23.649701+00'),
	(28, '95507', 3803904066374887146, 'stock', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', '2026-12-01 02:00:23.649701+00'),
	(29, '95509', -2803979861477625917, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:23.819682+00'),
	(30, '95509', -2803979861477625917, 'stock', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', '2026-12-01 02:00:23.819682+00'),
	(31, '95512', -391912371277711031, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:23.869284+00'),
	(32, '95512', -391912371277711031, 'stock', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', '2026-12-01 02:00:23.869284+00'),
	(33, '95515', 7284935205055383074, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:23.93102+00'),
	(34, '95518', 6152937842231208352, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:23.952598+00'),
	(35, '95521', -6906196461326247565, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:24.003762+00'),
	(36, '95525', 3425016503736102653, 'stock', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', '2026-12-01 02:00:29.884182+00'),
	(37, '95525', 3425016503736102653, 'stock', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', '2026-12-01 02:00:29.884182+00'),
	(38, '95529', 2088845679191089617, 'stock', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', '2026-12-01 02:00:31.915541+00'),
	(39, '95531', -358969045098543098, 'stock', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', '2026-12-01 02:00:31.924447+00');
INSERT INTO public.leases VALUES
	('relay', 'relay_01M8QN9Y2K4X8MEY3XJPB8545D', '2026-12-01 02:00:36.999003+00');
INSERT INTO public.products VALUES
	('prod_01M8QN9RNRKENSYMYRCYXY3V54', 'lamp', 'active', NULL, 'EUR', '{"title":"Lamp","description":"","vendor":null,"product_type":null,"tags":[],"category_id":null,"options":[],"images":[],"seo_title":null,"seo_description":null}', 'lamp', 5000, 'lamp
lamp', 1796090421942951, 1796090421942951, 1),
	('prod_01M8QN9RSX6742WRTDB6VTCJNN', 'stoneware-mug', 'active', NULL, 'EUR', '{"title":"Stoneware mug","description":"","vendor":null,"product_type":null,"tags":[],"category_id":null,"options":[],"images":[],"seo_title":null,"seo_description":null}', 'stoneware mug', 1800, 'stoneware mug
stoneware-mug', 1796090422060531, 1796090422060531, 1);
INSERT INTO public.reservation_lines VALUES
	('order_5PEWC495DC4PYW05D0N67YT9AM', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', 2),
	('order_6Y01DQS6EV6G3T231PM6K79D91', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', 1),
	('order_6Y01DQS6EV6G3T231PM6K79D91', 'var_01M8QN9RSX4M9T9V8Y7M9J04XA', 1),
	('order_6RKGHQGXYSNBPHCX0C44GFF6FG', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', 1),
	('order_6RKGHQGXYSNBPHCX0C44GFF6FG', 'var_01M8QN9RSX4M9T9V8Y7M9J04XA', 1),
	('order_01F24RN417FC3M0R3DQ4K25RVT', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', 1),
	('order_01F24RN417FC3M0R3DQ4K25RVT', 'var_01M8QN9RSX4M9T9V8Y7M9J04XA', 1),
	('order_1TA129DTBHC5WJGN2WH9W56NYM', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', 1),
	('order_1TA129DTBHC5WJGN2WH9W56NYM', 'var_01M8QN9RSX4M9T9V8Y7M9J04XA', 1),
	('order_1N28CM5R3KJKQ321ZJBJKPMFCK', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', 1),
	('order_1N28CM5R3KJKQ321ZJBJKPMFCK', 'var_01M8QN9RSX4M9T9V8Y7M9J04XA', 1),
	('order_68Q41JMS55V69CG3GXFSQP0VE3', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', 1),
	('order_68Q41JMS55V69CG3GXFSQP0VE3', 'var_01M8QN9RSX4M9T9V8Y7M9J04XA', 1),
	('order_3Z57XJ57RCXKDDAKY6WJTECYE4', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', 1),
	('order_5FM7XTF3WCBDAZN54NFVGZ7AJH', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', 1),
	('order_3Z7094J5Q9PHTYE7N5TG7AWZ5A', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', 2),
	('order_3Z7094J5Q9PHTYE7N5TG7AWZ5A', 'var_01M8QN9RSX4M9T9V8Y7M9J04XA', 1),
	('order_7GNW1V86QV14PMT7RM0DTEDVFV', 'var_01M8QN9RSX4M9T9V8Y7M9J04XA', 1);
INSERT INTO public.reservations VALUES
	('order_5PEWC495DC4PYW05D0N67YT9AM', 'sold', 1796091322557117),
	('order_6Y01DQS6EV6G3T231PM6K79D91', 'sold', 1796091322711526),
	('order_6RKGHQGXYSNBPHCX0C44GFF6FG', 'sold', 1796091322892999),
	('order_01F24RN417FC3M0R3DQ4K25RVT', 'sold', 1796091323044879),
	('order_68Q41JMS55V69CG3GXFSQP0VE3', 'sold', 1796091323643194),
	('order_1TA129DTBHC5WJGN2WH9W56NYM', 'released', 1796091323247721),
	('order_1N28CM5R3KJKQ321ZJBJKPMFCK', 'released', 1796091323477583),
	('order_3Z57XJ57RCXKDDAKY6WJTECYE4', 'released', 1796091323931486),
	('order_5FM7XTF3WCBDAZN54NFVGZ7AJH', 'held', 1796091324004018),
	('order_3Z7094J5Q9PHTYE7N5TG7AWZ5A', 'held', 1796091329885338),
	('order_7GNW1V86QV14PMT7RM0DTEDVFV', 'sold', 1796091331916799);
INSERT INTO public.sequences VALUES
	('prod_01M8QN9RNRKENSYMYRCYXY3V54', 14),
	('prod_01M8QN9RSX6742WRTDB6VTCJNN', 11);
INSERT INTO public.stock VALUES
	('var_01M8QN9RNR7V7NWZZHDG12DSNV', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', 94, 3, false),
	('var_01M8QN9RSX4M9T9V8Y7M9J04XA', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', 95, 1, false);
INSERT INTO public.stock_movements OVERRIDING SYSTEM VALUE VALUES
	(1, 'mov_01M8QN9RNYFYPXMFBRKG3SAFVV', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', 100, 'initial', 'user_01M8QN9NVAYX56T88TNBKPMTR1', NULL, 1796090421942951),
	(2, 'mov_01M8QN9RTJPEBW70Q27PXJZ7ZN', 'var_01M8QN9RSX4M9T9V8Y7M9J04XA', 100, 'initial', 'user_01M8QN9NVAYX56T88TNBKPMTR1', NULL, 1796090422060531),
	(3, 'mov_01M8QN9S9WJ86DNG0V1SE5QQ1P', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', -2, 'sold', 'orders', 'order_5PEWC495DC4PYW05D0N67YT9AM', 1796090422576220),
	(4, 'mov_01M8QN9SE3HS4SS3Y9DN2N0Q12', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', -1, 'sold', 'orders', 'order_6Y01DQS6EV6G3T231PM6K79D91', 1796090422720570),
	(5, 'mov_01M8QN9SE378GKQMJR0ZBRESRD', 'var_01M8QN9RSX4M9T9V8Y7M9J04XA', -1, 'sold', 'orders', 'order_6Y01DQS6EV6G3T231PM6K79D91', 1796090422720570),
	(6, 'mov_01M8QN9SKWTQ6K2EV9X1NXW130', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', -1, 'sold', 'orders', 'order_6RKGHQGXYSNBPHCX0C44GFF6FG', 1796090422906158),
	(7, 'mov_01M8QN9SKWRBV11SAHQ6ZDWGXR', 'var_01M8QN9RSX4M9T9V8Y7M9J04XA', -1, 'sold', 'orders', 'order_6RKGHQGXYSNBPHCX0C44GFF6FG', 1796090422906158),
	(8, 'mov_01M8QN9SS2REG194V6RGVS0M4D', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', -1, 'sold', 'orders', 'order_01F24RN417FC3M0R3DQ4K25RVT', 1796090423072311),
	(9, 'mov_01M8QN9SS2S633KQPF41A39CS8', 'var_01M8QN9RSX4M9T9V8Y7M9J04XA', -1, 'sold', 'orders', 'order_01F24RN417FC3M0R3DQ4K25RVT', 1796090423072311),
	(10, 'mov_01M8QN9SZ1VF96XWRN374NACV4', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', -1, 'sold', 'orders', 'order_1TA129DTBHC5WJGN2WH9W56NYM', 1796090423263775),
	(11, 'mov_01M8QN9SZ1KFRKB6YH8GKFSE1V', 'var_01M8QN9RSX4M9T9V8Y7M9J04XA', -1, 'sold', 'orders', 'order_1TA129DTBHC5WJGN2WH9W56NYM', 1796090423263775),
	(12, 'mov_01M8QN9T641DM4GGGZBVRJQ4J6', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', -1, 'sold', 'orders', 'order_1N28CM5R3KJKQ321ZJBJKPMFCK', 1796090423488111),
	(13, 'mov_01M8QN9T6489C7DECV16MMJT9E', 'var_01M8QN9RSX4M9T9V8Y7M9J04XA', -1, 'sold', 'orders', 'order_1N28CM5R3KJKQ321ZJBJKPMFCK', 1796090423488111),
	(14, 'mov_01M8QN9TB3KGJGX6B3ZV7Q4WEC', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', -1, 'sold', 'orders', 'order_68Q41JMS55V69CG3GXFSQP0VE3', 1796090423649981),
	(15, 'mov_01M8QN9TB36RPM368K0SKYG9X2', 'var_01M8QN9RSX4M9T9V8Y7M9J04XA', -1, 'sold', 'orders', 'order_68Q41JMS55V69CG3GXFSQP0VE3', 1796090423649981),
	(16, 'mov_01M8QN9TGGF48X3XFQVJ60FJ06', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', 1, 'refunded', 'orders', 'order_1TA129DTBHC5WJGN2WH9W56NYM', 1796090423819810),
	(17, 'mov_01M8QN9TGG8HKMZS4Y3GJ0G7NV', 'var_01M8QN9RSX4M9T9V8Y7M9J04XA', 1, 'refunded', 'orders', 'order_1TA129DTBHC5WJGN2WH9W56NYM', 1796090423819810),
	(18, 'mov_01M8QN9THZECRW7F7BE12EQGWQ', 'var_01M8QN9RNR7V7NWZZHDG12DSNV', 1, 'canceled', 'orders', 'order_1N28CM5R3KJKQ321ZJBJKPMFCK', 1796090423869684),
	(19, 'mov_01M8QN9THZGVTF138PCW8XQRDV', 'var_01M8QN9RSX4M9T9V8Y7M9J04XA', 1, 'canceled', 'orders', 'order_1N28CM5R3KJKQ321ZJBJKPMFCK', 1796090423869684),
	(20, 'mov_01M8QNA2DP0KHAXR4728SQZET4', 'var_01M8QN9RSX4M9T9V8Y7M9J04XA', -1, 'sold', 'orders', 'order_7GNW1V86QV14PMT7RM0DTEDVFV', 1796090431924622);
INSERT INTO public.variants VALUES
	('var_01M8QN9RNR7V7NWZZHDG12DSNV', 'prod_01M8QN9RNRKENSYMYRCYXY3V54', 0, NULL, '[]', 5000, NULL, NULL, NULL),
	('var_01M8QN9RSX4M9T9V8Y7M9J04XA', 'prod_01M8QN9RSX6742WRTDB6VTCJNN', 0, NULL, '[]', 1800, NULL, NULL, NULL);
SELECT pg_catalog.setval('public.changes_position_seq', 39, true);
SELECT pg_catalog.setval('public.outbox_position_seq', 25, true);
SELECT pg_catalog.setval('public.stock_movements_position_seq', 20, true);
ALTER TABLE ONLY public._sqlx_migrations
    ADD CONSTRAINT _sqlx_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.categories
    ADD CONSTRAINT categories_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.categories
    ADD CONSTRAINT categories_slug_key UNIQUE (slug);
ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY ("position");
ALTER TABLE ONLY public.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.media
    ADD CONSTRAINT media_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_aggregate_id_sequence_key UNIQUE (aggregate_id, sequence);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_id_key UNIQUE (id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY ("position");
ALTER TABLE ONLY public.products
    ADD CONSTRAINT products_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.products
    ADD CONSTRAINT products_slug_key UNIQUE (slug);
ALTER TABLE ONLY public.reservation_lines
    ADD CONSTRAINT reservation_lines_pkey PRIMARY KEY (reservation_id, variant_id);
ALTER TABLE ONLY public.reservations
    ADD CONSTRAINT reservations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.sequences
    ADD CONSTRAINT sequences_pkey PRIMARY KEY (aggregate_id);
ALTER TABLE ONLY public.stock_adjustments
    ADD CONSTRAINT stock_adjustments_pkey PRIMARY KEY (variant_id, actor, request_id);
ALTER TABLE ONLY public.stock_movements
    ADD CONSTRAINT stock_movements_pkey PRIMARY KEY ("position");
ALTER TABLE ONLY public.stock
    ADD CONSTRAINT stock_pkey PRIMARY KEY (variant_id);
ALTER TABLE ONLY public.variants
    ADD CONSTRAINT variants_pkey PRIMARY KEY (id);
CREATE INDEX changes_transaction ON public.changes USING btree (transaction);
CREATE INDEX products_all_newest ON public.products USING btree (created_at, id);
CREATE INDEX products_category ON public.products USING btree (category_id, status);
CREATE INDEX products_newest ON public.products USING btree (status, created_at, id);
CREATE INDEX products_price ON public.products USING btree (status, lowest_price, id);
CREATE INDEX products_title ON public.products USING btree (status, title_key, id);
CREATE INDEX reservations_held ON public.reservations USING btree (expires_at) WHERE (state = 'held'::text);
CREATE INDEX stock_available ON public.stock USING btree (((on_hand - reserved)), variant_id) WHERE (NOT removed);
CREATE INDEX stock_movements_variant ON public.stock_movements USING btree (variant_id, "position");
CREATE INDEX variants_product ON public.variants USING btree (product_id, "position");
ALTER TABLE ONLY public.categories
    ADD CONSTRAINT categories_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES public.categories(id);
ALTER TABLE ONLY public.products
    ADD CONSTRAINT products_category_id_fkey FOREIGN KEY (category_id) REFERENCES public.categories(id);
ALTER TABLE ONLY public.reservation_lines
    ADD CONSTRAINT reservation_lines_reservation_id_fkey FOREIGN KEY (reservation_id) REFERENCES public.reservations(id);
ALTER TABLE ONLY public.reservation_lines
    ADD CONSTRAINT reservation_lines_variant_id_fkey FOREIGN KEY (variant_id) REFERENCES public.stock(variant_id);
ALTER TABLE ONLY public.stock_movements
    ADD CONSTRAINT stock_movements_variant_id_fkey FOREIGN KEY (variant_id) REFERENCES public.stock(variant_id);
ALTER TABLE ONLY public.variants
    ADD CONSTRAINT variants_product_id_fkey FOREIGN KEY (product_id) REFERENCES public.products(id) ON DELETE CASCADE;
