BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE cases (
	id VARCHAR(64) NOT NULL, 
	study VARCHAR(63) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	feedback TEXT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(study) REFERENCES studies (name)
);
INSERT INTO "cases" VALUES('377e252d2c89856eea497cf6','single','4ef7e94d6ef2c765448c609cc586c40cddcf01985b039c2bf50eb77c6a217422',NULL);
INSERT INTO "cases" VALUES('49146cc2cce1d4def9ef5746','single','57edbd8a9b5409cf97f32343a27edba5228010b9f88590e00592afbb6af11995',NULL);
INSERT INTO "cases" VALUES('8aa2d4c189bc0511a6240069','single','8f7e9acec7d04c8ee5dff3862e2c4fbf63b904f55951ca74b8363c8a8910c067',NULL);
INSERT INTO "cases" VALUES('ef25b751275fb08e6f1445c6','single','7a867640976edc13e03c7198c61fbf3206fbd58eb4c717eb76893ec4c6161360',NULL);
INSERT INTO "cases" VALUES('eef936c8465d41c5dc0ba293','single','c1424d6a8893bc757f9d7cce8003e63d8c0fab067df6f86a9c71b616e81b4ae7','This volume is real.');
INSERT INTO "cases" VALUES('044fd9f4aebaaf9757d6869f','single','5b6265406483a5de5a6bada7b42b0043e98ab2a7d9834e66e8897d5a9dcbbd2f','This volume is synthetic.');
INSERT INTO "cases" VALUES('90079456609c8af40ece920e','pairs','4ef7e94d6ef2c765448c609cc586c40cddcf01985b039c2bf50eb77c6a217422',NULL);
INSERT INTO "cases" VALUES('7e08660b10101b7d6346ee61','pairs','57edbd8a9b5409cf97f32343a27edba5228010b9f88590e00592afbb6af11995',NULL);
INSERT INTO "cases" VALUES('efcdc6cae99a7562c637f435','pairs','8f7e9acec7d04c8ee5dff3862e2c4fbf63b904f55951ca74b8363c8a8910c067',NULL);
INSERT INTO "cases" VALUES('a9766849794b711ff94cdf61','pairs','7a867640976edc13e03c7198c61fbf3206fbd58eb4c717eb76893ec4c6161360',NULL);
INSERT INTO "cases" VALUES('c2e7fcfbaac247b67a7c11c7','pairs','c1424d6a8893bc757f9d7cce8003e63d8c0fab067df6f86a9c71b616e81b4ae7',NULL);
INSERT INTO "cases" VALUES('42316506c79d821995a281cc','pairs','5b6265406483a5de5a6bada7b42b0043e98ab2a7d9834e66e8897d5a9dcbbd2f',NULL);
CREATE TABLE events (
	study VARCHAR(63) NOT NULL, 
	seq INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	actor VARCHAR(120) NOT NULL, 
	action VARCHAR(60) NOT NULL, 
	detail JSON NOT NULL, 
	previous VARCHAR(64) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	PRIMARY KEY (study, seq), 
	FOREIGN KEY(study) REFERENCES studies (name)
);
INSERT INTO "events" VALUES('single',1,'2026-11-25T20:27:34.289+00:00','lead','study created','{"design_hash": "af85ff54f37964e8cb3e3df3b09ddc0f38add957fba707356e97efa7d9597f63", "cases": 6}','0000000000000000000000000000000000000000000000000000000000000000','8f50a7378c53a010551b1ab2a35898eb38b61e767a40385bedbd0f3ebff31e3b');
INSERT INTO "events" VALUES('single',2,'2026-11-25T20:27:34.292+00:00','lead','enrolled','{"reader": "Dr. Ada"}','8f50a7378c53a010551b1ab2a35898eb38b61e767a40385bedbd0f3ebff31e3b','2781ed6d4bfded93444114feccb4db149bf25fae49caa7f4d7472ca31c6446c9');
INSERT INTO "events" VALUES('single',3,'2026-11-25T20:27:34.294+00:00','lead','enrolled','{"reader": "Bob, MD"}','2781ed6d4bfded93444114feccb4db149bf25fae49caa7f4d7472ca31c6446c9','9164e6fc37186ac735b00fed13ae2c6933c26965ae38672a8401033e4c134136');
INSERT INTO "events" VALUES('single',4,'2026-11-25T20:27:34.307+00:00','reader Dr. Ada','consented','{}','9164e6fc37186ac735b00fed13ae2c6933c26965ae38672a8401033e4c134136','29b5008f902f0c5699130592430b16542c3fd79083030af41974eb615c74d35b');
INSERT INTO "events" VALUES('single',5,'2026-11-25T20:27:34.316+00:00','app','design locked','{"design_hash": "af85ff54f37964e8cb3e3df3b09ddc0f38add957fba707356e97efa7d9597f63"}','29b5008f902f0c5699130592430b16542c3fd79083030af41974eb615c74d35b','f77eff77770c6a88a8640bb5dfb496fe25b371cd8aa617b35ae3495386a3842a');
INSERT INTO "events" VALUES('single',6,'2026-11-25T20:27:34.316+00:00','reader Dr. Ada','submitted','{"presentation": "BBT6nbADvIgJRRC2Ri3aqKqQdaumi0_veqY-luSC_p4", "revision": 0, "answers": {"real_or_synthetic": 6, "appearance": 3, "quality": 4, "realism": 90.0, "faults": [4, 6], "remarks": null}}','f77eff77770c6a88a8640bb5dfb496fe25b371cd8aa617b35ae3495386a3842a','cbb54a0e5a77a4fa29e9881757cc2d774fe0ac37168a9b3d333778a36b53ba23');
INSERT INTO "events" VALUES('single',7,'2026-11-25T20:27:34.320+00:00','reader Dr. Ada','submitted','{"presentation": "HgYO8I6yGd6eNsrBwzBixinQsxEtxyE7MTQR63EKT5Y", "revision": 0, "answers": {"real_or_synthetic": 2, "appearance": 2, "quality": 5, "realism": 92.0, "faults": [1, 4], "remarks": "Blurred; \u00e9, \"quoted\"\nsecond line"}}','cbb54a0e5a77a4fa29e9881757cc2d774fe0ac37168a9b3d333778a36b53ba23','4e646c771e7cfd23eac57d3254835da5f7d794b966108dc7815bb418b82193d8');
INSERT INTO "events" VALUES('single',8,'2026-11-25T20:27:34.323+00:00','reader Dr. Ada','submitted','{"presentation": "-2jIbGnujuh_lGk7vAJrTc_vPALDFB2f5LmktvU5qeI", "revision": 0, "answers": {"real_or_synthetic": 1, "appearance": 2, "quality": 5, "realism": 30.0, "faults": [2, 3], "remarks": null}}','4e646c771e7cfd23eac57d3254835da5f7d794b966108dc7815bb418b82193d8','e27f7f87f57a0e982796ab086edab8da60f91bea758f45ae3eda20139f49d994');
INSERT INTO "events" VALUES('single',9,'2026-11-25T20:27:34.326+00:00','reader Dr. Ada','submitted','{"presentation": "KUV8sQwI6xdKsPCgCdL15G3R_OMQq5tECCMx5YLwUsc", "revision": 0, "answers": {"real_or_synthetic": 2, "appearance": 2, "quality": 3, "realism": 58.0, "faults": [4, 7], "remarks": "Blurred; \u00e9, \"quoted\"\nsecond line"}}','e27f7f87f57a0e982796ab086edab8da60f91bea758f45ae3eda20139f49d994','420797fc7184222dc5001b98d7f731cf174381bbd43a8c5106d210a2612e2613');
INSERT INTO "events" VALUES('single',10,'2026-11-25T20:27:34.329+00:00','reader Dr. Ada','submitted','{"presentation": "MGRvxP0M16brjY_oD11G17ZdEW-wnZs_gR02E9I5Orw", "revision": 0, "answers": {"real_or_synthetic": 5, "appearance": 3, "quality": 2, "realism": 99.0, "faults": [2, 3], "remarks": "Blurred; \u00e9, \"quoted\"\nsecond line"}}','420797fc7184222dc5001b98d7f731cf174381bbd43a8c5106d210a2612e2613','e506e1bac2b35123ecfd67c24ae5d8faac2e667a1f2ebfe78e4ea5672bd5fbc8');
INSERT INTO "events" VALUES('single',11,'2026-11-25T20:27:34.332+00:00','reader Dr. Ada','submitted','{"presentation": "IZmFdCSA0FmP1BQ1-psvRtP3XBEqmwifWN8dBUhLsgc", "revision": 0, "answers": {"real_or_synthetic": 1, "appearance": 1, "quality": 1, "realism": 44.0, "faults": [1, 7], "remarks": null}}','e506e1bac2b35123ecfd67c24ae5d8faac2e667a1f2ebfe78e4ea5672bd5fbc8','8f8aca6f63d50c91a87ef52336d9680755caf019e63961a456df977949471ab4');
INSERT INTO "events" VALUES('single',12,'2026-11-25T20:27:34.335+00:00','reader Dr. Ada','submitted','{"presentation": "g2rgaY1QTeEz57aqbBY4hKWn14265N_wLbWMkTE4Ku0", "revision": 0, "answers": {"real_or_synthetic": 5, "appearance": 4, "quality": 5, "realism": 63.0, "faults": [3, 4], "remarks": null}}','8f8aca6f63d50c91a87ef52336d9680755caf019e63961a456df977949471ab4','ea8ad6dbf7daceb361cd5d6576a8c0327871c72e52533f258fc4ab366f7582a2');
INSERT INTO "events" VALUES('single',13,'2026-11-25T20:27:34.337+00:00','reader Bob, MD','consented','{}','ea8ad6dbf7daceb361cd5d6576a8c0327871c72e52533f258fc4ab366f7582a2','9301bb44148aa1a5beccb8430a03f2dbf7e46345736dc9e35d352acd00a946cb');
INSERT INTO "events" VALUES('single',14,'2026-11-25T20:27:34.340+00:00','reader Bob, MD','submitted','{"presentation": "JaMYMz8k-POn6kio5oPyrkqJfrQtCLSFiGGf2NCAJO4", "revision": 0, "answers": {"real_or_synthetic": 3, "appearance": 4, "quality": 1, "realism": 9.0, "faults": [2, 7], "remarks": null}}','9301bb44148aa1a5beccb8430a03f2dbf7e46345736dc9e35d352acd00a946cb','8e7e57349a8f37cc8a1e80ea758adab335ee9a4006de67b507b53c3f0d703c4c');
INSERT INTO "events" VALUES('single',15,'2026-11-25T20:27:34.344+00:00','reader Bob, MD','submitted','{"presentation": "_fzExWF5VEEBv94JV4OXu0yh-eM9Iner4NVEucOfvsE", "revision": 0, "answers": {"real_or_synthetic": 5, "appearance": 2, "quality": 3, "realism": 0.0, "faults": [4, 6], "remarks": null}}','8e7e57349a8f37cc8a1e80ea758adab335ee9a4006de67b507b53c3f0d703c4c','eb795301cf903249eaaea4ccc9cdd2c6ca638f1dfbbe293fa7d6b233b3808729');
INSERT INTO "events" VALUES('single',16,'2026-11-25T20:27:34.347+00:00','reader Bob, MD','submitted','{"presentation": "WBda5i1hsN8vqIXlsSxyif4VW57maCFuxnhQ7_0-81U", "revision": 0, "answers": {"real_or_synthetic": 1, "appearance": 4, "quality": 5, "realism": 18.0, "faults": [4, 7], "remarks": "Blurred; \u00e9, \"quoted\"\nsecond line"}}','eb795301cf903249eaaea4ccc9cdd2c6ca638f1dfbbe293fa7d6b233b3808729','10c577452097df493952d2480a2a1d4f516b3730ea96d5988b82ec2f28f6d65e');
INSERT INTO "events" VALUES('single',17,'2026-11-25T20:27:34.350+00:00','reader Bob, MD','submitted','{"presentation": "3IFqySMbHcLBstYdYz9CzPhVrXWk-octKWb7-kkMvFk", "revision": 0, "answers": {"real_or_synthetic": 1, "appearance": 3, "quality": 3, "realism": 9.0, "faults": [2, 4], "remarks": "Blurred; \u00e9, \"quoted\"\nsecond line"}}','10c577452097df493952d2480a2a1d4f516b3730ea96d5988b82ec2f28f6d65e','ec1a04e61b7408262aa222ff6ad898188e2fcef0b8a60126d6e0c17f2a09c2d6');
INSERT INTO "events" VALUES('single',18,'2026-11-25T20:27:34.353+00:00','reader Bob, MD','submitted','{"presentation": "qJQJMOEMfgs9MkKOnBH9g8zZnYZ-Jp2oxAKhB-YcbzQ", "revision": 0, "answers": {"real_or_synthetic": 4, "appearance": 3, "quality": 2, "realism": 64.0, "faults": [1, 4], "remarks": null}}','ec1a04e61b7408262aa222ff6ad898188e2fcef0b8a60126d6e0c17f2a09c2d6','1221faca360888365299df7c74d2056d796afd3a0df5f8ac4fdd42e9e494d3d4');
INSERT INTO "events" VALUES('single',19,'2026-11-25T20:27:34.356+00:00','reader Bob, MD','submitted','{"presentation": "k8kBk51er5JO3J-icfDaTnwnHvV85AmkiCSf5ITFluY", "revision": 0, "answers": {"real_or_synthetic": 4, "appearance": 2, "quality": 2, "realism": 15.0, "faults": [3, 6], "remarks": "Blurred; \u00e9, \"quoted\"\nsecond line"}}','1221faca360888365299df7c74d2056d796afd3a0df5f8ac4fdd42e9e494d3d4','e6e30d345bbcda93aaac211d9ea174facb81df86d090cd6d27d573329aed02a4');
INSERT INTO "events" VALUES('single',20,'2026-11-25T20:27:34.359+00:00','reader Bob, MD','submitted','{"presentation": "s2HgBYlDZ5wczNiyWGHcTz2JEofXKkJUWQCIqZoGVpM", "revision": 0, "answers": {"real_or_synthetic": 3, "appearance": 2, "quality": 3, "realism": 44.0, "faults": [4, 7], "remarks": "Blurred; \u00e9, \"quoted\"\nsecond line"}}','e6e30d345bbcda93aaac211d9ea174facb81df86d090cd6d27d573329aed02a4','6aa3c0203c1239d59a8bf9e543c92d5ff6c9cb23c3324c87bed6dd50d36a9f7d');
INSERT INTO "events" VALUES('single',21,'2026-11-25T20:27:34.362+00:00','reader Dr. Ada','corrected','{"presentation": "-2jIbGnujuh_lGk7vAJrTc_vPALDFB2f5LmktvU5qeI", "revision": 1, "answers": {"real_or_synthetic": 6, "appearance": 1, "quality": 3, "realism": 44.0, "faults": [2, 3], "remarks": null}}','6aa3c0203c1239d59a8bf9e543c92d5ff6c9cb23c3324c87bed6dd50d36a9f7d','5004bc442d570f6938fd73810be62b54c5cc6fda502c3f51d172b1b0b7d8593a');
INSERT INTO "events" VALUES('single',22,'2026-11-25T20:27:34.364+00:00','lead','closed','{}','5004bc442d570f6938fd73810be62b54c5cc6fda502c3f51d172b1b0b7d8593a','c5911ede1413517ad0cc0cae3b6cf08d348207fc847c47a1c4b22af29e3e7ae8');
INSERT INTO "events" VALUES('pairs',1,'2026-11-25T20:27:34.755+00:00','lead','study created','{"design_hash": "87eb2fc985f65673807d06c8dadd6297b79c60397261197b25f5de39bbe16d0d", "cases": 6}','0000000000000000000000000000000000000000000000000000000000000000','034cedab7def96dcf3ce37173320aa54605bf235e7c5ce5ac2e20d3d4f0de98c');
INSERT INTO "events" VALUES('pairs',2,'2026-11-25T20:27:34.757+00:00','lead','enrolled','{"reader": "Ada"}','034cedab7def96dcf3ce37173320aa54605bf235e7c5ce5ac2e20d3d4f0de98c','fd5614c61deba23d7ef429c0ce2d08cba2aa25f22cb2063aa550df6d58d259bb');
INSERT INTO "events" VALUES('pairs',3,'2026-11-25T20:27:34.763+00:00','app','design locked','{"design_hash": "87eb2fc985f65673807d06c8dadd6297b79c60397261197b25f5de39bbe16d0d"}','fd5614c61deba23d7ef429c0ce2d08cba2aa25f22cb2063aa550df6d58d259bb','838c43002e77c10963034cd79c31c28b1585bd8b7e5dcfd67045b54fc20f2428');
INSERT INTO "events" VALUES('pairs',4,'2026-11-25T20:27:34.763+00:00','reader Ada','submitted','{"presentation": "cecIUOq5MypMXp_Z_PD9SttDO6kMgZBAiwXhfR0wBSI", "revision": 0, "answers": {"real_side": 1, "sure": 2}}','838c43002e77c10963034cd79c31c28b1585bd8b7e5dcfd67045b54fc20f2428','fdc03dafac8b59c39fe3aa9c0ca32803d15d18efcf8a9c763eac3db6ebae555a');
INSERT INTO "events" VALUES('pairs',5,'2026-11-25T20:27:34.767+00:00','reader Ada','submitted','{"presentation": "bpUinLhuZYk2PimxdgqWY5dvtbqDpmMw7ZboIuLh23k", "revision": 0, "answers": {"real_side": 2, "sure": 3}}','fdc03dafac8b59c39fe3aa9c0ca32803d15d18efcf8a9c763eac3db6ebae555a','e9518fcd2138ca841767b94e77e3ac7296772aabe591be6bc9ae2b6f0b4b6fde');
INSERT INTO "events" VALUES('pairs',6,'2026-11-25T20:27:34.772+00:00','reader Ada','submitted','{"presentation": "Lhp5ZXLrJbw68mSJY317wvTk0YgMmemKshVlvmuCVI0", "revision": 0, "answers": {"real_side": 1, "sure": 1}}','e9518fcd2138ca841767b94e77e3ac7296772aabe591be6bc9ae2b6f0b4b6fde','aa1ebdfb2554fc3bcae66e111d49464c538c436faa876155197edbfc135ecf34');
INSERT INTO "events" VALUES('pairs',7,'2026-11-25T20:27:34.774+00:00','lead','closed','{}','aa1ebdfb2554fc3bcae66e111d49464c538c436faa876155197edbfc135ecf34','cd8603d535077369847e674f5414e7be5429e1328ab3fd548f74de64d49893ab');
CREATE TABLE invitations (
	token_hash VARCHAR(64) NOT NULL, 
	reader INTEGER NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	revoked_at VARCHAR(32), 
	PRIMARY KEY (token_hash), 
	FOREIGN KEY(reader) REFERENCES readers (id)
);
INSERT INTO "invitations" VALUES('a0e0aa479e685232841f592059921bdab1164037a6106258f5e3e0f6ddb7e888',1,'2026-11-25T20:27:34.293+00:00',NULL);
INSERT INTO "invitations" VALUES('8fa8f34b2bc885f4f1224c56890529e2906d11582f0d1ebc0baae80e89cd7c71',2,'2026-11-25T20:27:34.295+00:00',NULL);
INSERT INTO "invitations" VALUES('902acb885c2d3f7a1ca2ab567cd207ef3dcb98220adc301d03a7c7ce2db3ff59',3,'2026-11-25T20:27:34.759+00:00',NULL);
CREATE TABLE presentations (
	token VARCHAR(43) NOT NULL, 
	reader INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	phase VARCHAR(16) NOT NULL, 
	cases JSON NOT NULL, 
	repeat_of INTEGER, 
	PRIMARY KEY (token), 
	UNIQUE (reader, position), 
	FOREIGN KEY(reader) REFERENCES readers (id)
);
INSERT INTO "presentations" VALUES('BBT6nbADvIgJRRC2Ri3aqKqQdaumi0_veqY-luSC_p4',1,1,'training','["eef936c8465d41c5dc0ba293"]',NULL);
INSERT INTO "presentations" VALUES('HgYO8I6yGd6eNsrBwzBixinQsxEtxyE7MTQR63EKT5Y',1,2,'training','["044fd9f4aebaaf9757d6869f"]',NULL);
INSERT INTO "presentations" VALUES('-2jIbGnujuh_lGk7vAJrTc_vPALDFB2f5LmktvU5qeI',1,3,'reading','["ef25b751275fb08e6f1445c6"]',NULL);
INSERT INTO "presentations" VALUES('KUV8sQwI6xdKsPCgCdL15G3R_OMQq5tECCMx5YLwUsc',1,4,'reading','["8aa2d4c189bc0511a6240069"]',NULL);
INSERT INTO "presentations" VALUES('MGRvxP0M16brjY_oD11G17ZdEW-wnZs_gR02E9I5Orw',1,5,'reading','["377e252d2c89856eea497cf6"]',NULL);
INSERT INTO "presentations" VALUES('IZmFdCSA0FmP1BQ1-psvRtP3XBEqmwifWN8dBUhLsgc',1,6,'reading','["49146cc2cce1d4def9ef5746"]',NULL);
INSERT INTO "presentations" VALUES('g2rgaY1QTeEz57aqbBY4hKWn14265N_wLbWMkTE4Ku0',1,7,'reading','["8aa2d4c189bc0511a6240069"]',4);
INSERT INTO "presentations" VALUES('JaMYMz8k-POn6kio5oPyrkqJfrQtCLSFiGGf2NCAJO4',2,1,'training','["044fd9f4aebaaf9757d6869f"]',NULL);
INSERT INTO "presentations" VALUES('_fzExWF5VEEBv94JV4OXu0yh-eM9Iner4NVEucOfvsE',2,2,'training','["eef936c8465d41c5dc0ba293"]',NULL);
INSERT INTO "presentations" VALUES('WBda5i1hsN8vqIXlsSxyif4VW57maCFuxnhQ7_0-81U',2,3,'reading','["377e252d2c89856eea497cf6"]',NULL);
INSERT INTO "presentations" VALUES('3IFqySMbHcLBstYdYz9CzPhVrXWk-octKWb7-kkMvFk',2,4,'reading','["ef25b751275fb08e6f1445c6"]',NULL);
INSERT INTO "presentations" VALUES('qJQJMOEMfgs9MkKOnBH9g8zZnYZ-Jp2oxAKhB-YcbzQ',2,5,'reading','["8aa2d4c189bc0511a6240069"]',NULL);
INSERT INTO "presentations" VALUES('k8kBk51er5JO3J-icfDaTnwnHvV85AmkiCSf5ITFluY',2,6,'reading','["49146cc2cce1d4def9ef5746"]',NULL);
INSERT INTO "presentations" VALUES('s2HgBYlDZ5wczNiyWGHcTz2JEofXKkJUWQCIqZoGVpM',2,7,'reading','["ef25b751275fb08e6f1445c6"]',4);
INSERT INTO "presentations" VALUES('cecIUOq5MypMXp_Z_PD9SttDO6kMgZBAiwXhfR0wBSI',3,1,'reading','["42316506c79d821995a281cc", "c2e7fcfbaac247b67a7c11c7"]',NULL);
INSERT INTO "presentations" VALUES('bpUinLhuZYk2PimxdgqWY5dvtbqDpmMw7ZboIuLh23k',3,2,'reading','["7e08660b10101b7d6346ee61", "a9766849794b711ff94cdf61"]',NULL);
INSERT INTO "presentations" VALUES('Lhp5ZXLrJbw68mSJY317wvTk0YgMmemKshVlvmuCVI0',3,3,'reading','["90079456609c8af40ece920e", "efcdc6cae99a7562c637f435"]',NULL);
CREATE TABLE readers (
	id INTEGER NOT NULL, 
	study VARCHAR(63) NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	enrolled_at VARCHAR(32) NOT NULL, 
	consented_at VARCHAR(32), 
	seen_at VARCHAR(32), 
	PRIMARY KEY (id), 
	UNIQUE (study, name), 
	FOREIGN KEY(study) REFERENCES studies (name)
);
INSERT INTO "readers" VALUES(1,'single','Dr. Ada','2026-11-25T20:27:34.290+00:00','2026-11-25T20:27:34.306+00:00','2026-11-25T20:27:34.361+00:00');
INSERT INTO "readers" VALUES(2,'single','Bob, MD','2026-11-25T20:27:34.294+00:00','2026-11-25T20:27:34.337+00:00','2026-11-25T20:27:34.358+00:00');
INSERT INTO "readers" VALUES(3,'pairs','Ada','2026-11-25T20:27:34.756+00:00',NULL,'2026-11-25T20:27:34.771+00:00');
CREATE TABLE refusals (
	id INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	address VARCHAR(64) NOT NULL, 
	reason VARCHAR(60) NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE responses (
	submission INTEGER NOT NULL, 
	question VARCHAR(63) NOT NULL, 
	answer JSON, 
	PRIMARY KEY (submission, question), 
	FOREIGN KEY(submission) REFERENCES submissions (id)
);
INSERT INTO "responses" VALUES(1,'real_or_synthetic',6);
INSERT INTO "responses" VALUES(1,'appearance',3);
INSERT INTO "responses" VALUES(1,'quality',4);
INSERT INTO "responses" VALUES(1,'realism',90);
INSERT INTO "responses" VALUES(1,'faults','[4, 6]');
INSERT INTO "responses" VALUES(1,'remarks','null');
INSERT INTO "responses" VALUES(2,'real_or_synthetic',2);
INSERT INTO "responses" VALUES(2,'appearance',2);
INSERT INTO "responses" VALUES(2,'quality',5);
INSERT INTO "responses" VALUES(2,'realism',92);
INSERT INTO "responses" VALUES(2,'faults','[1, 4]');
INSERT INTO "responses" VALUES(2,'remarks','"Blurred; \u00e9, \"quoted\"\nsecond line"');
INSERT INTO "responses" VALUES(3,'real_or_synthetic',1);
INSERT INTO "responses" VALUES(3,'appearance',2);
INSERT INTO "responses" VALUES(3,'quality',5);
INSERT INTO "responses" VALUES(3,'realism',30);
INSERT INTO "responses" VALUES(3,'faults','[2, 3]');
INSERT INTO "responses" VALUES(3,'remarks','null');
INSERT INTO "responses" VALUES(4,'real_or_synthetic',2);
INSERT INTO "responses" VALUES(4,'appearance',2);
INSERT INTO "responses" VALUES(4,'quality',3);
INSERT INTO "responses" VALUES(4,'realism',58);
INSERT INTO "responses" VALUES(4,'faults','[4, 7]');
INSERT INTO "responses" VALUES(4,'remarks','"Blurred; \u00e9, \"quoted\"\nsecond line"');
INSERT INTO "responses" VALUES(5,'real_or_synthetic',5);
INSERT INTO "responses" VALUES(5,'appearance',3);
INSERT INTO "responses" VALUES(5,'quality',2);
INSERT INTO "responses" VALUES(5,'realism',99);
INSERT INTO "responses" VALUES(5,'faults','[2, 3]');
INSERT INTO "responses" VALUES(5,'remarks','"Blurred; \u00e9, \"quoted\"\nsecond line"');
INSERT INTO "responses" VALUES(6,'real_or_synthetic',1);
INSERT INTO "responses" VALUES(6,'appearance',1);
INSERT INTO "responses" VALUES(6,'quality',1);
INSERT INTO "responses" VALUES(6,'realism',44);
INSERT INTO "responses" VALUES(6,'faults','[1, 7]');
INSERT INTO "responses" VALUES(6,'remarks','null');
INSERT INTO "responses" VALUES(7,'real_or_synthetic',5);
INSERT INTO "responses" VALUES(7,'appearance',4);
INSERT INTO "responses" VALUES(7,'quality',5);
INSERT INTO "responses" VALUES(7,'realism',63);
INSERT INTO "responses" VALUES(7,'faults','[3, 4]');
INSERT INTO "responses" VALUES(7,'remarks','null');
INSERT INTO "responses" VALUES(8,'real_or_synthetic',3);
INSERT INTO "responses" VALUES(8,'appearance',4);
INSERT INTO "responses" VALUES(8,'quality',1);
INSERT INTO "responses" VALUES(8,'realism',9);
INSERT INTO "responses" VALUES(8,'faults','[2, 7]');
INSERT INTO "responses" VALUES(8,'remarks','null');
INSERT INTO "responses" VALUES(9,'real_or_synthetic',5);
INSERT INTO "responses" VALUES(9,'appearance',2);
INSERT INTO "responses" VALUES(9,'quality',3);
INSERT INTO "responses" VALUES(9,'realism',0);
INSERT INTO "responses" VALUES(9,'faults','[4, 6]');
INSERT INTO "responses" VALUES(9,'remarks','null');
INSERT INTO "responses" VALUES(10,'real_or_synthetic',1);
INSERT INTO "responses" VALUES(10,'appearance',4);
INSERT INTO "responses" VALUES(10,'quality',5);
INSERT INTO "responses" VALUES(10,'realism',18);
INSERT INTO "responses" VALUES(10,'faults','[4, 7]');
INSERT INTO "responses" VALUES(10,'remarks','"Blurred; \u00e9, \"quoted\"\nsecond line"');
INSERT INTO "responses" VALUES(11,'real_or_synthetic',1);
INSERT INTO "responses" VALUES(11,'appearance',3);
INSERT INTO "responses" VALUES(11,'quality',3);
INSERT INTO "responses" VALUES(11,'realism',9);
INSERT INTO "responses" VALUES(11,'faults','[2, 4]');
INSERT INTO "responses" VALUES(11,'remarks','"Blurred; \u00e9, \"quoted\"\nsecond line"');
INSERT INTO "responses" VALUES(12,'real_or_synthetic',4);
INSERT INTO "responses" VALUES(12,'appearance',3);
INSERT INTO "responses" VALUES(12,'quality',2);
INSERT INTO "responses" VALUES(12,'realism',64);
INSERT INTO "responses" VALUES(12,'faults','[1, 4]');
INSERT INTO "responses" VALUES(12,'remarks','null');
INSERT INTO "responses" VALUES(13,'real_or_synthetic',4);
INSERT INTO "responses" VALUES(13,'appearance',2);
INSERT INTO "responses" VALUES(13,'quality',2);
INSERT INTO "responses" VALUES(13,'realism',15);
INSERT INTO "responses" VALUES(13,'faults','[3, 6]');
INSERT INTO "responses" VALUES(13,'remarks','"Blurred; \u00e9, \"quoted\"\nsecond line"');
INSERT INTO "responses" VALUES(14,'real_or_synthetic',3);
INSERT INTO "responses" VALUES(14,'appearance',2);
INSERT INTO "responses" VALUES(14,'quality',3);
INSERT INTO "responses" VALUES(14,'realism',44);
INSERT INTO "responses" VALUES(14,'faults','[4, 7]');
INSERT INTO "responses" VALUES(14,'remarks','"Blurred; \u00e9, \"quoted\"\nsecond line"');
INSERT INTO "responses" VALUES(15,'real_or_synthetic',6);
INSERT INTO "responses" VALUES(15,'appearance',1);
INSERT INTO "responses" VALUES(15,'quality',3);
INSERT INTO "responses" VALUES(15,'realism',44);
INSERT INTO "responses" VALUES(15,'faults','[2, 3]');
INSERT INTO "responses" VALUES(15,'remarks','null');
INSERT INTO "responses" VALUES(16,'real_side',1);
INSERT INTO "responses" VALUES(16,'sure',2);
INSERT INTO "responses" VALUES(17,'real_side',2);
INSERT INTO "responses" VALUES(17,'sure',3);
INSERT INTO "responses" VALUES(18,'real_side',1);
INSERT INTO "responses" VALUES(18,'sure',1);
CREATE TABLE sessions (
	cookie_hash VARCHAR(64) NOT NULL, 
	study VARCHAR(63) NOT NULL, 
	reader INTEGER, 
	expires FLOAT NOT NULL, 
	PRIMARY KEY (cookie_hash), 
	FOREIGN KEY(study) REFERENCES studies (name), 
	FOREIGN KEY(reader) REFERENCES readers (id)
);
CREATE TABLE studies (
	name VARCHAR(63) NOT NULL, 
	design JSON NOT NULL, 
	design_hash VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	lead_hash VARCHAR(64) NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	locked_at VARCHAR(32), 
	PRIMARY KEY (name), 
	UNIQUE (lead_hash)
);
INSERT INTO "studies" VALUES('single','{"name": "single", "title": "One by one", "questions": [{"name": "real_or_synthetic", "text": "Is this volume real or synthetic?", "required": true, "kind": "confidence", "points": 6}, {"name": "appearance", "text": "Realistic image appearance", "required": true, "kind": "choice", "options": ["Overall not recognisable as CT/MRI", "Overall unrealistic but generally recognisable as CT/MRI", "Overall realistic with only minor unrealistic areas", "Can''t tell whether fake or not"]}, {"name": "quality", "text": "How good is the image quality for diagnosis?", "required": true, "kind": "likert", "points": 5, "low": "not diagnostic", "high": "excellent"}, {"name": "realism", "text": "How realistic is this volume?", "required": true, "kind": "analogue", "low": "certainly artificial", "high": "indistinguishable from a scan"}, {"name": "faults", "text": "What is wrong with this volume?", "required": true, "kind": "multiple", "options": ["Nothing", "Blurring", "Noise or texture unlike a scan", "Implausible anatomy", "Breaks between slices", "Artefacts at the border", "Something else"]}, {"name": "remarks", "text": "Remarks", "required": false, "kind": "text", "max_length": 2000}], "paired": false, "revisable": true, "instructions": "", "consent": "Yes.", "idle_seconds": 30}','af85ff54f37964e8cb3e3df3b09ddc0f38add957fba707356e97efa7d9597f63','closed','e20027dc71d54173941ff27e2a5734c33ccf39cd27e0f38fe69c7c02120829bb','2026-11-25T20:27:34.286+00:00','2026-11-25T20:27:34.315+00:00');
INSERT INTO "studies" VALUES('pairs','{"name": "pairs", "title": "Reader study", "questions": [{"name": "real_side", "text": "Which is real?", "required": true, "kind": "forced_choice"}, {"name": "sure", "text": "How sure?", "required": true, "kind": "likert", "points": 3, "low": "not", "high": "very"}], "paired": true, "revisable": false, "instructions": "", "consent": "", "idle_seconds": 30}','87eb2fc985f65673807d06c8dadd6297b79c60397261197b25f5de39bbe16d0d','closed','b9f1ec126ce6a021f924b2f829d1e36f47f57bc2db4a20e14435c61ad41111e7','2026-11-25T20:27:34.752+00:00','2026-11-25T20:27:34.763+00:00');
CREATE TABLE submissions (
	id INTEGER NOT NULL, 
	presentation VARCHAR(43) NOT NULL, 
	revision INTEGER NOT NULL, 
	"key" VARCHAR(100) NOT NULL, 
	submitted_at VARCHAR(32) NOT NULL, 
	behaviour JSON NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (presentation, revision), 
	UNIQUE (presentation, "key"), 
	FOREIGN KEY(presentation) REFERENCES presentations (token)
);
INSERT INTO "submissions" VALUES(1,'BBT6nbADvIgJRRC2Ri3aqKqQdaumi0_veqY-luSC_p4',0,'key 1','2026-11-25T20:27:34.314+00:00','{"active_seconds": 11.0, "seconds": 20.0}');
INSERT INTO "submissions" VALUES(2,'HgYO8I6yGd6eNsrBwzBixinQsxEtxyE7MTQR63EKT5Y',0,'key 2','2026-11-25T20:27:34.319+00:00','{"active_seconds": 12.0, "seconds": 20.0}');
INSERT INTO "submissions" VALUES(3,'-2jIbGnujuh_lGk7vAJrTc_vPALDFB2f5LmktvU5qeI',0,'key 3','2026-11-25T20:27:34.323+00:00','{"active_seconds": 13.0, "seconds": 20.0}');
INSERT INTO "submissions" VALUES(4,'KUV8sQwI6xdKsPCgCdL15G3R_OMQq5tECCMx5YLwUsc',0,'key 4','2026-11-25T20:27:34.326+00:00','{"active_seconds": 14.0, "seconds": 20.0}');
INSERT INTO "submissions" VALUES(5,'MGRvxP0M16brjY_oD11G17ZdEW-wnZs_gR02E9I5Orw',0,'key 5','2026-11-25T20:27:34.329+00:00','{"active_seconds": 15.0, "seconds": 20.0}');
INSERT INTO "submissions" VALUES(6,'IZmFdCSA0FmP1BQ1-psvRtP3XBEqmwifWN8dBUhLsgc',0,'key 6','2026-11-25T20:27:34.331+00:00','{"active_seconds": 16.0, "seconds": 20.0}');
INSERT INTO "submissions" VALUES(7,'g2rgaY1QTeEz57aqbBY4hKWn14265N_wLbWMkTE4Ku0',0,'key 7','2026-11-25T20:27:34.334+00:00','{"active_seconds": 17.0, "seconds": 20.0}');
INSERT INTO "submissions" VALUES(8,'JaMYMz8k-POn6kio5oPyrkqJfrQtCLSFiGGf2NCAJO4',0,'key 1','2026-11-25T20:27:34.340+00:00','{"active_seconds": 11.0, "seconds": 20.0}');
INSERT INTO "submissions" VALUES(9,'_fzExWF5VEEBv94JV4OXu0yh-eM9Iner4NVEucOfvsE',0,'key 2','2026-11-25T20:27:34.343+00:00','{"active_seconds": 12.0, "seconds": 20.0}');
INSERT INTO "submissions" VALUES(10,'WBda5i1hsN8vqIXlsSxyif4VW57maCFuxnhQ7_0-81U',0,'key 3','2026-11-25T20:27:34.346+00:00','{"active_seconds": 13.0, "seconds": 20.0}');
INSERT INTO "submissions" VALUES(11,'3IFqySMbHcLBstYdYz9CzPhVrXWk-octKWb7-kkMvFk',0,'key 4','2026-11-25T20:27:34.349+00:00','{"active_seconds": 14.0, "seconds": 20.0}');
INSERT INTO "submissions" VALUES(12,'qJQJMOEMfgs9MkKOnBH9g8zZnYZ-Jp2oxAKhB-YcbzQ',0,'key 5','2026-11-25T20:27:34.352+00:00','{"active_seconds": 15.0, "seconds": 20.0}');
INSERT INTO "submissions" VALUES(13,'k8kBk51er5JO3J-icfDaTnwnHvV85AmkiCSf5ITFluY',0,'key 6','2026-11-25T20:27:34.355+00:00','{"active_seconds": 16.0, "seconds": 20.0}');
INSERT INTO "submissions" VALUES(14,'s2HgBYlDZ5wczNiyWGHcTz2JEofXKkJUWQCIqZoGVpM',0,'key 7','2026-11-25T20:27:34.358+00:00','{"active_seconds": 17.0, "seconds": 20.0}');
INSERT INTO "submissions" VALUES(15,'-2jIbGnujuh_lGk7vAJrTc_vPALDFB2f5LmktvU5qeI',1,'again','2026-11-25T20:27:34.361+00:00','{"active_seconds": 5.0}');
INSERT INTO "submissions" VALUES(16,'cecIUOq5MypMXp_Z_PD9SttDO6kMgZBAiwXhfR0wBSI',0,'key 1','2026-11-25T20:27:34.762+00:00','{"active_seconds": 11.0, "seconds": 20.0}');
INSERT INTO "submissions" VALUES(17,'bpUinLhuZYk2PimxdgqWY5dvtbqDpmMw7ZboIuLh23k',0,'key 2','2026-11-25T20:27:34.766+00:00','{"active_seconds": 12.0, "seconds": 20.0}');
INSERT INTO "submissions" VALUES(18,'Lhp5ZXLrJbw68mSJY317wvTk0YgMmemKshVlvmuCVI0',0,'key 3','2026-11-25T20:27:34.771+00:00','{"active_seconds": 13.0, "seconds": 20.0}');
CREATE INDEX ix_cases_study ON cases (study);
CREATE INDEX ix_invitations_reader ON invitations (reader);
CREATE INDEX ix_refusals_at ON refusals (at);
CREATE INDEX ix_refusals_address ON refusals (address);
CREATE TRIGGER submissions_no_update BEFORE UPDATE ON submissions BEGIN SELECT RAISE(ABORT, 'submissions is append-only'); END;
CREATE TRIGGER submissions_no_delete BEFORE DELETE ON submissions BEGIN SELECT RAISE(ABORT, 'submissions is append-only'); END;
CREATE TRIGGER responses_no_update BEFORE UPDATE ON responses BEGIN SELECT RAISE(ABORT, 'responses is append-only'); END;
CREATE TRIGGER responses_no_delete BEFORE DELETE ON responses BEGIN SELECT RAISE(ABORT, 'responses is append-only'); END;
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events is append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events is append-only'); END;
COMMIT;
